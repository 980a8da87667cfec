#include "staged.hpp"

#include <tutti/collectives/all_gather.hpp>
#include <tutti/comm/threads.hpp>
#include <tutti/error.hpp>
#include <tutti/optim/adam.hpp>
#include <tutti/optim/sgd.hpp>
#include <tutti/partition/balanced_layers.hpp>
#include <tutti/partition/layers.hpp>
#include <tutti/partition/shuffled.hpp>
#include <tutti/partition/weighted.hpp>
#include <tutti/pipeline/gpipe.hpp>
#include <tutti/pipeline/one_forward_one_backward.hpp>

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace optim = tutti::optim;
namespace partition = tutti::partition;
namespace pipeline = tutti::pipeline;
using tutti::usage_error;

namespace {

bool fits(auto& world) { return static_cast<std::size_t>(world.size()) <= laws::staged_layers; }

template <class Comm, class Cuts = partition::layers, class Optimizer = optim::sgd>
auto trainer_of(Comm& world, Cuts cuts = {}, Optimizer optimizer = {}) {
    return tutti::model_parallel_trainer{world,
                                         laws::staged(),
                                         partition::shuffled{.seed = 1},
                                         std::move(cuts),
                                         pipeline::one_forward_one_backward{},
                                         std::move(optimizer)};
}

template <class Trainer>
std::vector<double> values(Trainer& trainer) {
    std::vector<double> all;
    trainer.for_each_layer([&](auto& layer, auto) {
        for (double const each : laws::numbers_of(layer)) all.push_back(each);
    });
    return all;
}

void still_usable(auto& world, laws::expectation const& expect) {
    expect.all(
        tutti::all_gather(world, world.rank()), [](std::size_t k) { return static_cast<int>(k); },
        "the group is usable afterwards");
}

}  // namespace

TEST_CASE("fewer layers than ranks are refused on every rank, and nothing is built") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        if (fits(world)) return;
        bool built = false;
        expect.throws<usage_error>(
            [&] {
                tutti::model_parallel_trainer trainer{world,
                                                      laws::staged([&](std::size_t) { built = true; }),
                                                      partition::shuffled{},
                                                      partition::layers{},
                                                      pipeline::gpipe{},
                                                      optim::sgd{}};
            },
            {"7 layers", std::to_string(world.size()) + " stages", "fewer ranks"}, "refused");
        expect(!built, "nothing was built");
        still_usable(world, expect);
    });
}

TEST_CASE("cuts and settings that do not fit, on one rank or on all, or differ, are refused on every rank") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        if (!fits(world)) return;
        auto const p = static_cast<std::size_t>(world.size());
        auto refuses = [&](auto act, std::initializer_list<std::string_view> words) {
            expect.throws<usage_error>(act, words, "refused");
            still_usable(world, expect);
        };
        for (int const odd : {-1, world.size() - 1}) {
            bool const mine = odd < 0 || world.rank() == odd;
            refuses([&] { trainer_of(world, partition::balanced_layers{std::vector<double>(mine ? 6 : 7, 1)}); },
                    {"6 costs for 7 layers"});
            refuses([&] { trainer_of(world, partition::layers{}, optim::sgd{.learning_rate = mine ? -1.0 : 1.0}); },
                    {"learning_rate"});
            std::vector<std::size_t> first;
            for (std::size_t k = 1; k < p + mine; ++k) first.push_back(k);
            if (p < laws::staged_layers && p > 1)
                refuses([&] { trainer_of(world, partition::layers{first}); }, {std::to_string(p + 1) + " stages"});
        }
        if (world.size() == 1) return;
        bool const mine = world.rank() == 0;
        if (p < laws::staged_layers) {
            std::vector<std::size_t> first;
            for (std::size_t k = 1; k < p; ++k) first.push_back(k + (mine && k + 1 == p));
            refuses([&] { trainer_of(world, partition::layers{first}); }, {"cuts"});
        }
        refuses([&] { trainer_of(world, partition::layers{}, optim::sgd{.learning_rate = mine ? 0.5 : 0.25}); }, {"optimiser"});
    });
}

TEST_CASE("a layer partition that breaks its law is refused on every rank") {
    struct wrong {
        std::vector<std::size_t> all{};
        std::vector<std::size_t> cuts(std::size_t, std::size_t) const { return all; }
    };
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        if (world.size() != 2) return;
        for (auto const& all : std::vector<std::vector<std::size_t>>{{}, {0, 7}, {0, 3, 6}, {1, 3, 7}, {0, 0, 7}, {0, 7, 7}})
            expect.throws<usage_error>([&] { trainer_of(world, wrong{all}); }, {"layer partition", "law"}, "refused");
        still_usable(world, expect);
    });
}

TEST_CASE("a layer whose gradients have another shape than its parameters is refused on every rank, and named") {
    struct crooked : laws::hyperbolic {
        std::array<double, 3> x{};
        std::array<double, 2> g{};
        auto parameters() { return std::span<double>{x}; }
        auto gradients() { return std::span<double>{g}; }
    };
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        if (world.size() > 2) return;
        expect.throws<usage_error>(
            [&] {
                tutti::model_parallel_trainer trainer{world,
                                                      tutti::layers{[] { return laws::spread{}; }, [] { return crooked{}; },
                                                                    laws::no_loss{}},
                                                      partition::shuffled{},
                                                      partition::layers{},
                                                      pipeline::gpipe{},
                                                      optim::sgd{}};
            },
            {"layer 1", "3 parameters", "2 gradients"}, "refused");
        still_usable(world, expect);
    });
}

TEST_CASE("a model without any parameter is refused on every rank") {
    struct empty : laws::spread {
        auto parameters() { return std::span{weights}.first(0); }
        auto gradients() { return std::span{slopes}.first(0); }
    };
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        if (world.size() > 2) return;
        expect.throws<usage_error>(
            [&] {
                tutti::model_parallel_trainer trainer{world,
                                                      tutti::layers{[] { return empty{}; }, [] { return laws::hyperbolic{}; },
                                                                    laws::no_loss{}},
                                                      partition::shuffled{},
                                                      partition::layers{},
                                                      pipeline::gpipe{},
                                                      optim::sgd{}};
            },
            {"model_parallel_trainer: the model has no parameters"}, "refused");
        still_usable(world, expect);
    });
}

TEST_CASE("run_epoch, step and evaluate refuse what makes no sense or differs, on every rank, and change nothing") {
    auto const data = laws::wave(20);
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        if (!fits(world)) return;
        auto trainer = trainer_of(world);
        trainer.run_epoch(data, {.batch = 5, .accumulate = 2});
        auto const before = values(trainer);
        auto refuses = [&](auto act, std::initializer_list<std::string_view> words) {
            expect.throws<usage_error>(act, words, "refused");
            expect(values(trainer) == before, "parameters stay");
            expect.equal(trainer.epoch(), std::int64_t{1}, "the epoch does not count");
            expect.equal(trainer.steps(), std::int64_t{4}, "no step counts");
        };
        auto epoch = [&](auto const& samples, tutti::epoch_options const& options) {
            return [&trainer, &samples, options] { trainer.run_epoch(samples, options); };
        };
        std::vector<laws::point> const none;
        std::vector<std::vector<laws::point>> const no_parts, empty_part{data, {}}, part{data}, parts{data, data};
        refuses(epoch(none, {}), {"run_epoch", "no samples"});
        refuses(epoch(data, {.batch = 0}), {"batch"});
        refuses(epoch(data, {.accumulate = 0}), {"accumulate"});
        refuses(epoch(data, {.clip_norm = -1}), {"clip_norm"});
        refuses(epoch(data, {.batch = 5, .first_step = 4}), {"first_step"});
        refuses([&] { trainer.evaluate(none, {}); }, {"evaluate", "no samples"});
        refuses([&] { trainer.evaluate(data, {.batch = 0}); }, {"evaluate", "batch"});
        refuses([&] { trainer.step(no_parts); }, {"step", "no micro-batch"});
        refuses([&] { trainer.step(empty_part); }, {"step", "no sample"});
        refuses([&] { trainer.step(part, static_cast<double>(NAN)); }, {"step", "clip_norm"});
        refuses([&] { trainer.steps(-1); }, {"steps(-1)"});
        if (world.size() > 1)
            for (int const odd : {0, world.size() - 1}) {
                bool const mine = world.rank() == odd;
                refuses(epoch(mine ? none : data, {}), {"samples"});
                refuses(epoch(data, {.batch = mine ? 4U : 5U}), {"batch"});
                refuses(epoch(data, {.accumulate = mine ? 2U : 1U}), {"accumulate"});
                refuses([&] { trainer.step(mine ? part : parts); }, {"number of micro-batches"});
                refuses([&] { trainer.step(part, mine ? 1.0 : 0.5); }, {"clip_norm"});
                refuses([&] { trainer.evaluate(data, {.batch = mine ? 4U : 5U}); }, {"batch"});
            }
        trainer.run_epoch(data, {.batch = 5, .accumulate = 2});
    });
}

TEST_CASE("data partitions that differ between ranks, or do not deal to one, are refused on every rank") {
    auto const data = laws::wave(200);
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        if (!fits(world)) return;
        auto refuses = [&](auto how, std::string_view word) {
            tutti::model_parallel_trainer trainer{world, laws::staged(), how, partition::layers{}, pipeline::gpipe{}, optim::sgd{}};
            expect.throws<usage_error>([&] { trainer.run_epoch(data, {}); }, {word}, "refused");
            still_usable(world, expect);
        };
        bool const mine = world.rank() == world.size() - 1;
        refuses(partition::weighted{.weights = {1, 1}}, "2 weights for 1 ranks");
        if (world.size() == 1) return;
        refuses(partition::shuffled{.seed = mine ? 2U : 1U}, "partition");
        refuses(partition::weighted{.weights = std::vector<double>(mine ? 2 : 1, 1)}, "2 weights for 1 ranks");
    });
}

TEST_CASE("a schedule that is unsound is refused on every rank, and nothing is changed") {
    struct backward_first {
        static pipeline::stage_schedule steps(pipeline::shape const& of, int stage) {
            auto mine = pipeline::gpipe::steps(of, stage);
            for (auto& each : mine.tasks)
                if (each.what >= pipeline::task::action::receive_gradient)
                    each.micro_batch = of.micro_batches - 1 - each.micro_batch;
            return mine;
        }
        static int in_flight(pipeline::shape const& of, int) { return of.micro_batches; }
    };
    auto const data = laws::wave(8);
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        if (!fits(world)) return;
        tutti::model_parallel_trainer trainer{
            world, laws::staged(), partition::shuffled{}, partition::layers{}, backward_first{}, optim::sgd{}};
        auto const before = values(trainer);
        expect.throws<usage_error>([&] { trainer.run_epoch(data, {.batch = 8, .accumulate = 4}); }, {"unsound", "next micro-batch"},
                                   "refused");
        expect(values(trainer) == before, "parameters stay");
        trainer.run_epoch(data, {.batch = 8, .accumulate = 1});
    });
}

namespace {

/// Throws in the pass that it is told, counted over all it makes.
struct fragile {
    struct saved {};
    int forward_at = 0, backward_at = 0;
    double weight = 0, slope = 0;  // a model without any is refused

    auto parameters() { return std::span{&weight, 1}; }
    auto gradients() { return std::span{&slope, 1}; }
    std::vector<double> forward(auto const& batch, saved&) {
        if (--forward_at == 0) throw std::domain_error{"forward"};
        return std::vector<double>(std::size(batch), 1.0);
    }
    std::vector<double> backward(std::vector<double> dy, saved&) {
        if (--backward_at == 0) throw std::domain_error{"backward"};
        return dy;
    }
};

/// How many of `ranks` got `peer_failed`, when layer `where` of as many throws.
template <class Schedule>
int told(int ranks, int where, fragile how, Schedule schedule) {
    std::atomic<int> count = 0;
    CHECK_THROWS_AS(tutti::launch<tutti::comm::threads>(
                        {.ranks = ranks, .timeout = std::chrono::minutes{1}},
                        [&](auto& world) {
                            auto layer = [&] { return world.rank() == where ? how : fragile{}; };
                            tutti::model_parallel_trainer trainer{
                                world,
                                tutti::layers{layer, layer, layer, layer, laws::no_loss{}},
                                partition::shuffled{},
                                partition::layers{},
                                schedule,
                                optim::sgd{}};
                            try {
                                for (int epoch = 0; epoch < 3; ++epoch)
                                    trainer.run_epoch(laws::numbered{24}, {.batch = 8, .accumulate = 4});
                            } catch (tutti::peer_failed const&) {
                                ++count;
                                throw;
                            }
                        }),
                    std::domain_error);
    return count;
}

}  // namespace

TEST_CASE("a stage that throws, at any micro-batch, there or back, ends the others with peer_failed, and none hangs") {
    std::mt19937 bits{7};
    for (int const ranks : {2, 3, 4})
        for (int where = 0; where < ranks; ++where)
            for (int round = 0; round < 4; ++round) {
                int const at = 1 + static_cast<int>(bits() % 36);
                fragile const how = round % 2 == 0 ? fragile{.forward_at = at} : fragile{.backward_at = at};
                CHECK(told(ranks, where, how, pipeline::gpipe{}) == ranks - 1);
                CHECK(told(ranks, where, how, pipeline::one_forward_one_backward{}) == ranks - 1);
            }
}

TEST_CASE("a stage that throws ends the others at once, even if its rank goes on as if nothing had been") {
    for (auto const& [how, evaluates] : {std::pair{fragile{.forward_at = 5}, false}, std::pair{fragile{.backward_at = 3}, false},
                                         std::pair{fragile{.forward_at = 2}, true}}) {
        std::atomic<int> told = 0, caught = 0;
        // The timeout is longer than the test's: nobody may wait for it.
        CHECK_THROWS(tutti::launch<tutti::comm::threads>(
            {.ranks = 3, .timeout = std::chrono::minutes{5}}, [&, how = how, evaluates = evaluates](auto& world) {
                auto layer = [&] { return world.rank() == 1 ? how : fragile{}; };
                tutti::model_parallel_trainer trainer{
                    world,
                    tutti::layers{layer, layer, layer, laws::no_loss{}},
                    partition::shuffled{},
                    partition::layers{},
                    pipeline::gpipe{},
                    optim::sgd{}};
                try {
                    if (evaluates) trainer.evaluate(laws::numbered{24}, {.batch = 4});
                    else trainer.run_epoch(laws::numbered{24}, {.batch = 8, .accumulate = 4});
                } catch (std::domain_error const&) { ++caught; } catch (tutti::peer_failed const&) {
                    ++told;
                }
                trainer.run_epoch(laws::numbered{24}, {.batch = 8});
            }));
        CHECK(caught == 1);
        CHECK(told == 2);
    }
}

TEST_CASE("activations whose shapes depend on more than the number of samples are refused, and the others are told") {
    struct growing {
        struct saved {};
        std::size_t size = 3;
        std::vector<double> forward(std::vector<std::size_t> const&, saved&) { return std::vector<double>(size++, 1.0); }
        static void backward(std::vector<double> const&, saved&) {}
    };
    std::atomic<int> told = 0;
    CHECK_THROWS_WITH_AS(tutti::launch<tutti::comm::threads>(
                             {.ranks = 2, .timeout = std::chrono::minutes{1}},
                             [&](auto& world) {
                                 tutti::model_parallel_trainer trainer{
                                     world,
                                     tutti::layers{[] { return growing{}; }, [] { return fragile{}; }, laws::no_loss{}},
                                     partition::shuffled{},
                                     partition::layers{},
                                     pipeline::gpipe{},
                                     optim::sgd{}};
                                 try {
                                     trainer.run_epoch(laws::numbered{8}, {.batch = 4, .accumulate = 2});
                                 } catch (tutti::peer_failed const&) {
                                     ++told;
                                     throw;
                                 }
                             }),
                         doctest::Contains("an activation of 2 samples that leaves layer 0 has the shape [4], not [3]"),
                         usage_error);
    CHECK(told == 1);
}
