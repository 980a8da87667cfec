#include "staged.hpp"

#include <tutti/collectives/all_gather.hpp>
#include <tutti/optim/adam.hpp>
#include <tutti/optim/sgd.hpp>
#include <tutti/partition/balanced_layers.hpp>
#include <tutti/partition/layers.hpp>
#include <tutti/partition/shuffled.hpp>
#include <tutti/partition/strided.hpp>
#include <tutti/pipeline/gpipe.hpp>
#include <tutti/pipeline/one_forward_one_backward.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace optim = tutti::optim;
namespace partition = tutti::partition;
namespace pipeline = tutti::pipeline;

namespace {

/// A training on one rank, by the trainer that does not know of layers.
struct oracle {
    laws::in_one_piece model{};
    std::vector<double> losses{};
    double evaluated = 0;

    template <class Optimizer>
    oracle(Optimizer optimizer, std::vector<laws::point> const& data, tutti::epoch_options const& options, int epochs) {
        tutti::comm::solo alone;
        tutti::data_parallel_trainer trainer{alone, laws::in_one_piece{}, partition::shuffled{.seed = 3}, tutti::sync::all_reduce{},
                                             optimizer};
        for (int epoch = 0; epoch < epochs; ++epoch) losses.push_back(trainer.run_epoch(data, options).mean_loss);
        evaluated = trainer.evaluate(data, {.batch = 7});
        model = std::move(trainer.model());
    }
};

template <class Trainer>
void compare(Trainer& trainer, oracle& alone, laws::expectation const& expect) {
    trainer.for_each_layer([&](auto& layer, auto k) {
        expect(laws::numbers_of(layer) == alone.model.of_layer(k), "layer " + std::to_string(k) + " is what it is on one rank");
    });
}

bool fits(auto& world) { return static_cast<std::size_t>(world.size()) <= laws::staged_layers; }

}  // namespace

TEST_CASE("a pipeline gives the losses and parameters of one rank, bit for bit, by either schedule, whatever the micro-batches") {
    auto const data = laws::wave(23);  // in batches of 10, 10 and 3
    for (std::size_t const parts : {1UL, 2UL, 3UL, 8UL}) {
        tutti::epoch_options const options{.batch = 10, .accumulate = parts};
        oracle alone{optim::sgd{.learning_rate = 0.05, .momentum = 0.9}, data, options, 3};
        laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
            if (!fits(world)) return;
            auto check = [&](auto schedule) {
                tutti::model_parallel_trainer trainer{world,
                                                      laws::staged(),
                                                      partition::shuffled{.seed = 3},
                                                      partition::layers{},
                                                      schedule,
                                                      optim::sgd{.learning_rate = 0.05, .momentum = 0.9}};
                for (double const loss : alone.losses) expect.equal(trainer.run_epoch(data, options).mean_loss, loss, "loss");
                compare(trainer, alone, expect);
                expect.equal(trainer.evaluate(data, {.batch = 7}), alone.evaluated, "evaluated");
            };
            check(pipeline::gpipe{});
            check(pipeline::one_forward_one_backward{});
        });
    }
}

TEST_CASE("cuts do not matter: where one says, or balanced by costs") {
    auto const data = laws::wave(20);
    tutti::epoch_options const options{.batch = 8, .accumulate = 4};
    oracle alone{optim::adam{.learning_rate = 0.01}, data, options, 2};
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        if (!fits(world)) return;
        auto check = [&](auto cuts, std::vector<std::size_t> const& first) {
            tutti::model_parallel_trainer trainer{world,
                                                  laws::staged(),
                                                  partition::shuffled{.seed = 3},
                                                  cuts,
                                                  pipeline::one_forward_one_backward{},
                                                  optim::adam{.learning_rate = 0.01}};
            auto const rank = static_cast<std::size_t>(world.rank());
            if (!first.empty()) expect.equal(trainer.first_layer(), first[rank], "the stage begins where it should");
            for (double const loss : alone.losses) expect.equal(trainer.run_epoch(data, options).mean_loss, loss, "loss");
            compare(trainer, alone, expect);
        };
        // The last stages have a layer each.
        std::vector<std::size_t> last;
        for (auto at = laws::staged_layers - static_cast<std::size_t>(world.size()) + 1; at < laws::staged_layers; ++at)
            last.push_back(at);
        auto begins = last;
        begins.insert(begins.begin(), 0);
        check(partition::layers{last}, begins);
        check(partition::balanced_layers{{9, 1, 1, 1, 1, 1, 9}}, {});
        if (world.size() == 3) check(partition::balanced_layers{{1, 1, 1, 9, 1, 1, 1}}, {0, 3, 4});
    });
}

TEST_CASE("a rank builds the layers that it owns, once each and in order, and no other") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        if (!fits(world)) return;
        std::vector<std::size_t> built, owned;
        tutti::model_parallel_trainer trainer{world,
                                              laws::staged([&](std::size_t k) { built.push_back(k); }),
                                              partition::shuffled{},
                                              partition::layers{},
                                              pipeline::gpipe{},
                                              optim::sgd{}};
        for (std::size_t k = trainer.first_layer(); k < trainer.last_layer(); ++k) owned.push_back(k);
        expect(built == owned, "built");
        expect.equal(trainer.template layer<3>() != nullptr, trainer.first_layer() <= 3 && 3 < trainer.last_layer(), "layer 3");
        auto const p = static_cast<std::size_t>(world.size());
        expect(owned.size() <= (laws::staged_layers + p - 1) / p, "no more than its share");
    });
}

TEST_CASE("clipping goes by the norm of the whole model's gradient, and gives the same bits on any number of ranks") {
    auto const data = laws::wave(21);
    tutti::epoch_options const clipped{.batch = 7, .accumulate = 3, .clip_norm = 0.05};
    oracle alone{optim::sgd{.learning_rate = 0.5}, data, clipped, 2};
    auto train = [&](auto& world) {
        tutti::model_parallel_trainer trainer{world,
                                              laws::staged(),
                                              partition::shuffled{.seed = 3},
                                              partition::layers{},
                                              pipeline::one_forward_one_backward{},
                                              optim::sgd{.learning_rate = 0.5}};
        std::vector<double> losses, norms;
        trainer.after_step([&](tutti::step_report const& step) { norms.push_back(step.gradient_norm); });
        for (int epoch = 0; epoch < 2; ++epoch) losses.push_back(trainer.run_epoch(data, clipped).mean_loss);
        return std::pair{losses, norms};
    };
    tutti::comm::solo solo;
    auto const [losses, norms] = train(solo);
    for (std::size_t k = 0; k < 2; ++k) CHECK(losses[k] == doctest::Approx(alone.losses[k]).epsilon(1e-9));
    CHECK(norms.size() == 6);
    for (double const norm : norms) CHECK(norm > 0.05);
    laws::on_every_backend([&, losses = losses, norms = norms](auto& world, laws::expectation const& expect) {
        if (!fits(world)) return;
        auto const here = train(world);
        expect(here.first == losses, "losses");
        expect(here.second == norms, "norms");
    });
}

TEST_CASE("the loss of a step is known to the rank with the last layer, that of an epoch or of step() to all") {
    auto const data = laws::wave(12);
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        if (!fits(world)) return;
        tutti::model_parallel_trainer trainer{world,
                                              laws::staged(),
                                              partition::shuffled{.seed = 3},
                                              partition::layers{},
                                              pipeline::gpipe{},
                                              optim::sgd{.learning_rate = 0}};
        double sum = 0;
        trainer.after_step([&](tutti::step_report const& step) {
            expect.equal(std::isnan(step.mean_loss), world.rank() + 1 < world.size() && step.steps != 1, "known");
            sum += step.mean_loss * static_cast<double>(step.samples);
            expect.equal(step.steps == 1 || step.samples == (step.step == 3 ? 2U : 5U), true, "samples");
        });
        auto const report = trainer.run_epoch(data, {.batch = 5, .accumulate = 2});
        expect.equal(report.steps, 3U, "steps");
        expect.equal(report.samples, 12U, "samples");
        if (world.rank() + 1 == world.size()) expect.close(report.mean_loss, sum / 12, 1e-15, "mean");
        std::vector const parts{std::vector(data.begin(), data.begin() + 4), std::vector(data.begin() + 4, data.end())};
        expect.close(trainer.step(parts).mean_loss, report.mean_loss, 1e-6, "step() goes over the same samples");
        expect.equal(trainer.steps(), std::int64_t{4}, "steps done");
    });
}

TEST_CASE("step() on micro-batches that the caller brings does what run_epoch does on them") {
    auto const data = laws::wave(9);
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        if (!fits(world)) return;
        auto make = [&] {
            return tutti::model_parallel_trainer{world,
                                                 laws::staged(),
                                                 partition::strided{},
                                                 partition::layers{},
                                                 pipeline::one_forward_one_backward{},
                                                 optim::sgd{.learning_rate = 0.1}};
        };
        auto one = make();
        auto const report = one.run_epoch(data, {.batch = 9, .accumulate = 3, .clip_norm = 0.1});
        auto other = make();
        std::vector<std::vector<laws::point>> parts;
        for (std::ptrdiff_t k = 0; k < 9; k += 3) parts.emplace_back(data.begin() + k, data.begin() + k + 3);
        expect.equal(other.step(parts, 0.1).mean_loss, report.mean_loss, "loss");
        std::vector<std::vector<double>> layers;
        one.for_each_layer([&](auto& layer, auto) { layers.push_back(laws::numbers_of(layer)); });
        std::size_t k = 0;
        other.for_each_layer([&](auto& layer, auto) { expect(laws::numbers_of(layer) == layers[k++], "parameters"); });
    });
}

TEST_CASE("evaluate gives the mean of any metric to all ranks, and changes nothing") {
    auto const data = laws::wave(10);
    oracle alone{optim::sgd{.learning_rate = 0}, data, {.batch = 10}, 1};
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        if (!fits(world)) return;
        tutti::model_parallel_trainer trainer{
            world, laws::staged(), partition::strided{}, partition::layers{}, pipeline::gpipe{}, optim::sgd{}};
        auto const metric = [](std::vector<float> const& y, auto const& batch) {
            std::array<double, 2> sums{};
            for (float const each : y) sums[0] += static_cast<double>(each) / static_cast<double>(y.size());
            for (laws::point const& each : batch) sums[1] += each.x / static_cast<double>(y.size());
            return sums;
        };
        auto const both = trainer.evaluate(data, {.batch = 4}, metric);
        expect.equal(trainer.evaluate(data, metric), trainer.evaluate(data, {}, metric), "in batches of the usual size");
        double mean_x = 0;
        for (laws::point const& each : data) mean_x += each.x / 10;
        expect.close(both[1], mean_x, 1e-15, "mean of x");
        expect(both[0] != 0, "mean of y");
        expect.all(
            tutti::all_gather(world, both[0]), [&](std::size_t) { return both[0]; }, "the same on all ranks");
        expect.close(trainer.evaluate(data, {.batch = 7}), alone.evaluated, 1e-15, "loss");
        compare(trainer, alone, expect);
    });
}

TEST_CASE(
    "a pipelined training resumes, bit for bit, from parameters, steps and the optimiser's state, in the middle of an epoch") {
    auto const data = laws::wave(20);
    tutti::epoch_options const options{.batch = 5, .accumulate = 2};
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        if (!fits(world)) return;
        auto make = [&] {
            return tutti::model_parallel_trainer{world,
                                                 laws::staged(),
                                                 partition::shuffled{.seed = 1},
                                                 partition::layers{},
                                                 pipeline::gpipe{},
                                                 optim::adam{.learning_rate = 0.02}};
        };
        auto whole = make();
        struct snapshot {
            std::vector<std::vector<double>> numbers{};
            std::vector<std::vector<std::byte>> state{};
        } middle;
        whole.after_step([&](tutti::step_report const& step) {
            if (step.epoch != 1 || step.step != 2) return;
            whole.for_each_layer([&](auto& layer, auto) { middle.numbers.push_back(laws::numbers_of(layer)); });
            for (auto const bytes : whole.state()) middle.state.emplace_back(bytes.begin(), bytes.end());
        });
        for (int epoch = 0; epoch < 3; ++epoch) whole.run_epoch(data, options);

        auto resumed = make();
        std::size_t at = 0;
        resumed.for_each_layer([&](auto& layer, auto) {
            using layer_type = std::remove_reference_t<decltype(layer)>;
            std::size_t i = 0;
            if constexpr (tutti::learns<layer_type>)
                tutti::for_each_block(layer.parameters(), [&](auto block) {
                    for (auto& each : block) each = static_cast<std::remove_reference_t<decltype(each)>>(middle.numbers[at][i++]);
                });
            ++at;
        });
        auto const state = resumed.state();
        expect.equal(state.size(), middle.state.size(), "as much state");
        for (std::size_t k = 0; k < state.size(); ++k) std::ranges::copy(middle.state[k], state[k].begin());
        resumed.epoch(1);
        resumed.steps(6);
        auto rest = options;
        rest.first_step = 2;
        resumed.run_epoch(data, rest);
        resumed.run_epoch(data, options);
        std::vector<std::vector<double>> wanted;
        whole.for_each_layer([&](auto& layer, auto) { wanted.push_back(laws::numbers_of(layer)); });
        at = 0;
        resumed.for_each_layer([&](auto& layer, auto) { expect(laws::numbers_of(layer) == wanted[at++], "parameters"); });
    });
}

namespace {

/// Counts what it keeps of micro-batches; one object of `saved` for each that may be in flight.
struct counting {
    struct saved {
        bool full = false;
        std::vector<double> x{};
    };
    int* in_flight;
    int* most;
    double weight = 0, slope = 0;  // a model without any is refused

    auto parameters() { return std::span{&weight, 1}; }
    auto gradients() { return std::span{&slope, 1}; }
    std::vector<double> forward(auto const& batch, saved& kept) {
        if (kept.full) *most = 1000;  // still in use
        kept.full = true;
        *most = std::max(*most, ++*in_flight);
        return std::vector<double>(std::size(batch), 1.0);
    }
    std::vector<double> backward(std::vector<double> dy, saved& kept) {
        kept.full = false;
        --*in_flight;
        return dy;
    }
};

}  // namespace

TEST_CASE("a stage holds what as many micro-batches save as its schedule says") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        if (world.size() > 4) return;
        auto check = [&](auto schedule) {
            int in_flight = 0, most = 0;
            auto layer = [&] { return counting{.in_flight = &in_flight, .most = &most}; };
            tutti::model_parallel_trainer trainer{
                world,
                tutti::layers{layer, layer, layer, layer, laws::no_loss{}},
                partition::strided{},
                partition::layers{},
                schedule,
                optim::sgd{}};
            for (int const m : {1, 2, 5, 8}) {
                most = 0;
                trainer.run_epoch(laws::numbered{16}, {.batch = 16, .accumulate = static_cast<std::size_t>(m)});
                auto const layers = static_cast<int>(trainer.last_layer() - trainer.first_layer());
                expect.equal(most, layers * schedule.in_flight({world.size(), m}, world.rank()),
                             "in flight, over the stage's layers");
                expect.equal(in_flight, 0, "in the end");
            }
        };
        check(pipeline::gpipe{});
        check(pipeline::one_forward_one_backward{});
    });
}
