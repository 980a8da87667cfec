#include "backends.hpp"
#include "training.hpp"

#include <tutti/collectives/all_reduce.hpp>
#include <tutti/collectives/barrier.hpp>
#include <tutti/comm/threads.hpp>
#include <tutti/error.hpp>
#include <tutti/optim/adam.hpp>
#include <tutti/optim/adamw.hpp>
#include <tutti/optim/rate.hpp>
#include <tutti/optim/scheduled.hpp>
#include <tutti/optim/sgd.hpp>
#include <tutti/partition/shuffled.hpp>
#include <tutti/partition/strided.hpp>
#include <tutti/partition/weighted.hpp>
#include <tutti/sync/all_reduce.hpp>
#include <tutti/train/data_parallel_trainer.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace optim = tutti::optim;
namespace partition = tutti::partition;
using tutti::usage_error;

namespace {

/// Its numbers lie outside, so that they can be looked at when no trainer was made.
struct outside {
    std::vector<std::vector<float>>* x;
    std::vector<std::vector<float>>* g;

    auto parameters() { return std::vector<std::span<float>>(x->begin(), x->end()); }
    auto gradients() { return std::vector<std::span<float>>(g->begin(), g->end()); }
    double loss_and_gradients(auto const&) { return 0; }
};

using shape = std::vector<std::size_t>;

std::vector<std::vector<float>> blocks(shape const& sizes, float value) {
    std::vector<std::vector<float>> all;
    for (std::size_t const size : sizes) all.emplace_back(size, value);
    return all;
}

/// Throws in the batch and on the rank that it is told.
struct failing {
    int rank = -1, batch = 0, done = 0;
    float x = 0, g = 0;

    auto parameters() { return std::span{&x, 1}; }
    auto gradients() { return std::span{&g, 1}; }
    double loss_and_gradients(auto const&) {
        if (++done == batch) throw std::domain_error{"batch " + std::to_string(done) + " on rank " + std::to_string(rank)};
        return 0;
    }
};

template <class Comm>
auto trainer_of(Comm& world) {
    return tutti::data_parallel_trainer{world, laws::line<double>{}, partition::shuffled{.seed = 1}, tutti::sync::all_reduce{},
                                        optim::sgd{.learning_rate = 0.1}};
}

}  // namespace

TEST_CASE("run_epoch refuses what makes no sense, on every rank, and changes nothing") {
    auto const data = laws::wave(20);
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        auto trainer = trainer_of(world);
        trainer.run_epoch(data, {.batch = 5});
        auto const before = laws::values_of(trainer.model());
        auto refuses = [&](auto const& samples, tutti::epoch_options const& options,
                           std::initializer_list<std::string_view> words) {
            expect.throws<usage_error>([&] { trainer.run_epoch(samples, options); }, words, "refused");
            expect(laws::values_of(trainer.model()) == before, "parameters stay");
            expect.equal(trainer.epoch(), 1, "the epoch does not count");
        };
        refuses(std::vector<laws::point>{}, {}, {"run_epoch", "no samples"});
        refuses(data, {.batch = 0}, {"run_epoch", "batch"});
        refuses(data, {.accumulate = 0}, {"run_epoch", "accumulate"});
        refuses(data, {.clip_norm = -1}, {"run_epoch", "clip_norm", "-1"});
        refuses(data, {.clip_norm = static_cast<double>(NAN)}, {"run_epoch", "clip_norm"});
        refuses(data, {.batch = 5, .first_step = 4}, {"run_epoch", "first_step", "4"});
        refuses(data, {.batch = 5, .first_step = 1000}, {"run_epoch", "first_step", "1000"});
        expect.equal(trainer.run_epoch(data, {.batch = 5, .first_step = 3}).steps, 1u,
                     "the last step alone, and the group is usable afterwards");
    });
}

TEST_CASE("run_epoch refuses arguments that differ between ranks, on every rank, and changes nothing") {
    auto const data = laws::wave(20);
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        if (world.size() == 1) return;
        auto trainer = trainer_of(world);
        trainer.run_epoch(data, {.batch = 5});
        auto const before = laws::values_of(trainer.model());
        for (int const odd : {0, world.size() - 1}) {
            bool const mine = world.rank() == odd;
            auto refuses = [&](std::size_t size, tutti::epoch_options const& options, std::string_view word) {
                expect.throws<usage_error>([&] { trainer.run_epoch(std::span{data}.first(size), options); },
                                           {"run_epoch", "rank", word}, "refused");
                expect(laws::values_of(trainer.model()) == before, "parameters stay");
            };
            refuses(mine ? 19 : 20, {}, "samples");
            refuses(mine ? 0 : 20, {}, "samples");
            refuses(20, {.batch = mine ? 4u : 5u}, "batch");
            refuses(20, {.batch = mine ? 0u : 5u}, "batch");
            refuses(20, {.accumulate = mine ? 2u : 1u}, "accumulate");
            refuses(20, {.clip_norm = mine ? 2.0 : 0}, "clip_norm");
            refuses(20, {.batch = 5, .first_step = mine ? 2u : 1u}, "first_step");
            refuses(20, {.clip_norm = mine ? 2.5 : 0},
                    odd == 0 ? "clip_norm differs between ranks: 2.5 on rank 0, 0 on rank 1"
                             : "clip_norm differs between ranks: 0 on rank 0, 2.5 on rank");
            trainer.epoch(mine ? 7 : 1);
            refuses(20, {}, "epoch");
            trainer.epoch(1);
        }
        trainer.run_epoch(data, {.batch = 5});
        expect(trainer.replicas_agree(), "the group is usable afterwards");
    });
}

TEST_CASE("run_epoch refuses partitions that differ between ranks, on every rank, and changes nothing") {
    auto const data = laws::wave(1000);
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        int const p = world.size();
        if (p == 1) return;
        auto refuses = [&](auto const& how, char const* what) {
            tutti::data_parallel_trainer trainer{world, laws::line<double>{}, how, tutti::sync::all_reduce{}, optim::sgd{}};
            expect.throws<usage_error>([&] { trainer.run_epoch(data, {}); }, {"partition"}, what);
            expect(trainer.model().weights == std::array<double, 2>{}, "parameters stay");
        };
        for (int const odd : {0, p - 1}) {
            bool const mine = world.rank() == odd;
            std::vector<double> const equal(static_cast<std::size_t>(p), 1);
            auto other = equal;
            other[0] = 3;
            refuses(partition::shuffled{.seed = mine ? 2u : 1u}, "another seed");
            refuses(partition::weighted{.weights = mine ? other : equal}, "other weights");
            refuses(partition::weighted{.weights = equal, .seed = mine ? 2u : 1u}, "another seed beside weights");
            // Two ranks' weights in the other order: the share of rank 0 is the same.
            if (p < 3) continue;
            auto second = equal, third = equal;
            second[1] = third[2] = 2;
            refuses(partition::weighted{.weights = mine ? second : third}, "weights in another order");
        }
    });
}

TEST_CASE("weights that do not fit the group are refused on every rank, even if only one rank has them") {
    auto const data = laws::wave(20);
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        auto const p = static_cast<std::size_t>(world.size());
        for (bool const all : {true, false}) {
            bool const mine = all || world.rank() == world.size() - 1;
            tutti::data_parallel_trainer trainer{world, laws::line<double>{},
                                                 partition::weighted{.weights = std::vector<double>(mine ? p + 1 : p, 1)},
                                                 tutti::sync::all_reduce{}, optim::sgd{}};
            // Each rank that refuses gives its own reason; the others are told it.
            expect.throws<usage_error>([&] { trainer.run_epoch(data, {}); },
                                       {std::to_string(p + 1) + " weights for " + std::to_string(p) + " ranks",
                                        mine ? "tutti: partition" : "rank " + std::to_string(p - 1) + " refuses: partition"},
                                       all ? "on all ranks" : "on one rank");
            expect.throws<usage_error>([&] { trainer.run_epoch(data, {}); }, {"weights"}, "again");
        }
    });
}

namespace {

/// Deals as strided does, but for one fault.
struct faulty {
    enum class fault { none, all_to_all, last_of_each_rank_left_out, rows_past_the_end } what = fault::none;
    std::int64_t from_epoch = 0;

    struct share_type {
        fault what;
        std::size_t size;
        partition::strided::share_type turns;
        std::size_t before(std::size_t x) const {
            if (what == fault::all_to_all) return x;
            if (what == fault::last_of_each_rank_left_out) return std::min(turns.before(x), turns.before(size) - 1);
            return turns.before(x);
        }
        std::size_t row(std::size_t k) const {
            if (what == fault::all_to_all) return k;
            return what == fault::rows_past_the_end ? size + k : turns.row(k);
        }
    };
    share_type share(tutti::share_of const& which) const {
        return {which.epoch < from_epoch ? fault::none : what, which.size, partition::strided{}.share(which)};
    }
};

}  // namespace

TEST_CASE("a partition that breaks its law is refused, on every rank and in whatever epoch it does, and nothing is changed") {
    using fault = faulty::fault;
    laws::numbered const data{40};
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        // A rank alone that gets everything gets its share; and it is looked at in its first epoch only.
        for (auto const& [what, word] :
             {std::pair{fault::all_to_all, "the first 5 samples"}, std::pair{fault::last_of_each_rank_left_out, "breaks its law"},
              std::pair{fault::rows_past_the_end, "of 40"}})
            for (std::int64_t const epoch : {0, 2}) {
                if (world.size() == 1 && (what == fault::all_to_all || epoch != 0)) continue;
                tutti::data_parallel_trainer trainer{world, laws::recorder{}, faulty{what, epoch}, tutti::sync::all_reduce{},
                                                     optim::sgd{}};
                for (int right = 0; right < epoch; ++right) trainer.run_epoch(data, {.batch = 20});
                auto const before = trainer.model().batches;
                expect.throws<usage_error>([&] { trainer.run_epoch(data, {.batch = 20}); }, {"partition", word}, "refused");
                expect(trainer.model().batches == before, "no batch was shown");
                expect.equal(tutti::all_reduce(world, 1), world.size(), "the group is usable afterwards");
            }
        tutti::data_parallel_trainer trainer{world, laws::recorder{}, faulty{}, tutti::sync::all_reduce{}, optim::sgd{}};
        expect.equal(trainer.run_epoch(data, {.batch = 20}).samples, 40u, "without a fault it trains");
    });
}

TEST_CASE("to look whether ranks deal alike costs a share per rank and epoch, and some more where the data are new") {
    struct counting {
        int* shares;
        auto share(tutti::share_of const& which) const {
            ++*shares;
            return partition::strided{}.share(which);
        }
    };
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        int shares = 0;
        tutti::data_parallel_trainer trainer{world, laws::recorder{}, counting{&shares}, tutti::sync::all_reduce{}, optim::sgd{}};
        auto counted = [&](std::size_t size) {
            shares = 0;
            trainer.run_epoch(laws::numbered{size}, {});
            return shares;
        };
        int const own = 1, looked_at = 1, compared = world.size();
        bool const alone = world.size() == 1;
        expect.equal(counted(20), own + looked_at + (alone ? 0 : compared), "first epoch");
        expect.equal(counted(20), own + (alone ? 0 : looked_at), "second epoch");
        expect.equal(counted(30), own + looked_at + (alone ? 0 : compared), "other data");
    });
}

TEST_CASE("a trainer refuses gradients of another shape than the parameters, and changes nothing") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        for (auto const& [sizes, words] : std::vector<std::pair<shape, std::vector<std::string>>>{{{3, 5}, {"block 1", "4", "5"}},
                                                                                                  {{4, 4}, {"block 0", "3", "4"}},
                                                                                                  {{3}, {"2 blocks", "1"}},
                                                                                                  {{3, 4, 0}, {"2 blocks", "3"}},
                                                                                                  {{7}, {"blocks"}}}) {
            auto x = blocks({3, 4}, static_cast<float>(world.rank())), g = blocks(sizes, 0);
            std::string text = "nothing was thrown";
            try {
                tutti::data_parallel_trainer trainer{world, outside{&x, &g}, partition::strided{}, tutti::sync::all_reduce{},
                                                     optim::sgd{}};
            } catch (usage_error const& problem) { text = problem.what(); }
            for (auto const& word : words) expect(text.find(word) != std::string::npos, "'" + word + "' is missing in: " + text);
            expect(x == blocks({3, 4}, static_cast<float>(world.rank())), "parameters stay");
        }
    });
}

TEST_CASE("a trainer refuses gradients that nest otherwise than the parameters, even if they are the same blocks") {
    struct nested {
        using blocks = std::vector<std::vector<std::span<float>>>;
        std::array<std::array<float, 1>, 3> x{}, g{};

        blocks parameters() { return {{x[0], x[1]}, {x[2]}}; }
        blocks gradients() { return {{g[0]}, {g[1], g[2]}}; }
        static double loss_and_gradients(std::span<laws::point const>) { return 0; }
    };
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        expect.throws<usage_error>(
            [&] {
                tutti::data_parallel_trainer{world, nested{}, partition::strided{}, tutti::sync::all_reduce{}, optim::sgd{}};
            },
            {"nesting"}, "the same blocks");
    });
}

TEST_CASE("a trainer refuses models whose shape differs between ranks, on every rank, and changes nothing") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        if (world.size() == 1) return;
        // More numbers, more blocks, and the same number of both in another order.
        for (auto const& [most, odd] :
             std::vector<std::pair<shape, shape>>{{{3}, {4}}, {{3, 4}, {3, 4, 0}}, {{2, 3}, {3, 2}}, {{5, 2, 3}, {5, 3, 2}}}) {
            auto const& mine = world.rank() == world.size() - 1 ? odd : most;
            auto x = blocks(mine, static_cast<float>(world.rank())), g = blocks(mine, 0);
            expect.throws<usage_error>(
                [&] {
                    tutti::data_parallel_trainer{world, outside{&x, &g}, partition::strided{}, tutti::sync::all_reduce{},
                                                 optim::sgd{}};
                },
                {"model"}, "another shape");
            expect(x == blocks(mine, static_cast<float>(world.rank())), "parameters stay");
        }
        expect.equal(tutti::all_reduce(world, 1), world.size(), "the group is usable afterwards");
    });
}

TEST_CASE("a trainer refuses an optimiser whose settings make no sense, on every rank, and changes nothing") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        auto x = blocks({3}, static_cast<float>(world.rank())), g = blocks({3}, 0);
        auto refuses = [&](auto const& rule, std::string_view word) {
            expect.throws<usage_error>(
                [&] {
                    tutti::data_parallel_trainer{world, outside{&x, &g}, partition::strided{}, tutti::sync::all_reduce{}, rule};
                },
                {word}, "refused");
            expect(x == blocks({3}, static_cast<float>(world.rank())), "parameters stay");
        };
        refuses(optim::sgd{.learning_rate = -1}, "learning_rate");
        refuses(optim::sgd{.momentum = 1}, "momentum");
        refuses(optim::scheduled{optim::sgd{}, optim::rate::cosine{.steps = 5, .warm_up = 9}}, "warm_up");
        expect.equal(tutti::all_reduce(world, 1), world.size(), "the group is usable afterwards");
    });
}

namespace {

/// An optimiser with nothing but what it must have.
struct plain_descent {
    double rate;

    struct update {
        double rate;
        void operator()(double& x, double gradient) const { x -= rate * gradient; }
    };
    static int slots() { return 0; }
    template <std::same_as<double>>
    update at(std::int64_t) const {
        return {rate};
    }
    static void check() {}
};

}  // namespace

TEST_CASE("a trainer refuses a model without any parameters, on every rank, and takes one with empty blocks among others") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        auto make = [&](shape const& sizes) {
            auto x = blocks(sizes, 1), g = blocks(sizes, 1);
            tutti::data_parallel_trainer{world, outside{&x, &g}, partition::strided{}, tutti::sync::all_reduce{}, optim::sgd{}};
        };
        expect.throws<usage_error>([&] { make({}); }, {"data_parallel_trainer: the model has no parameters"}, "no block");
        expect.throws<usage_error>([&] { make({0, 0}); }, {"data_parallel_trainer: the model has no parameters"}, "empty blocks");
        make({0, 1, 0});
        expect.equal(tutti::all_reduce(world, 1), world.size(), "the group is usable afterwards");
    });
}

TEST_CASE("a trainer refuses optimisers whose settings differ between ranks, on every rank, and changes nothing") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        if (world.size() == 1) return;
        for (int const odd : {0, world.size() - 1}) {
            bool const mine = world.rank() == odd;
            auto make = [&](auto const& rule) {
                tutti::data_parallel_trainer{world, laws::line<double>{}, partition::strided{}, tutti::sync::all_reduce{}, rule};
            };
            auto refuses = [&](auto const& usual, auto const& other, char const* what, std::string_view which = "") {
                expect.throws<usage_error>([&] { make(mine ? other : usual); }, {"optimiser", "settings", which}, what);
                make(usual);
            };
            refuses(optim::sgd{}, optim::sgd{.learning_rate = 0.02}, "learning rate", "settings()[0] differs");
            refuses(optim::sgd{}, optim::sgd{.weight_decay = 1e-12}, "weight decay",
                    odd == 0 ? "1e-12 on rank 0, 0 on rank 1" : "0 on rank 0, 1e-12 on rank");
            refuses(optim::sgd{.momentum = 0.5}, optim::sgd{.momentum = 0.5, .nesterov = true}, "form of momentum");
            refuses(optim::sgd{}, optim::sgd{.momentum = 0.5}, "state slots");
            refuses(optim::adam{}, optim::adam{.epsilon = 2e-8}, "epsilon");
            // What differs only in a later step.
            refuses(optim::scheduled{optim::sgd{}, optim::rate::step{.period = 1000}},
                    optim::scheduled{optim::sgd{}, optim::rate::step{.period = 1001}}, "period");
            refuses(optim::scheduled{optim::adamw{}, optim::rate::cosine{.steps = 50, .warm_up = 5}},
                    optim::scheduled{optim::adamw{}, optim::rate::cosine{.steps = 51, .warm_up = 5}}, "steps");
            refuses(plain_descent{0.1}, plain_descent{0.2}, "an optimiser without settings()", "rank 0's");
        }
        expect.equal(tutti::all_reduce(world, 1), world.size(), "the group is usable afterwards");
    });
}

TEST_CASE("step() refuses a clip_norm that makes no sense or differs between ranks, on every rank, and changes nothing") {
    auto const batch = laws::wave(4);
    double const nan = static_cast<double>(NAN);
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        auto trainer = trainer_of(world);
        trainer.step(batch);
        auto const before = laws::values_of(trainer.model());
        auto refuses = [&](double clip_norm, std::string_view word) {
            expect.throws<usage_error>([&] { trainer.step(batch, batch.size(), clip_norm); }, {"step: clip_norm", word}, "refused");
            expect(laws::values_of(trainer.model()) == before, "parameters stay");
        };
        refuses(-1, "-1");
        refuses(nan, "nan");
        refuses(-static_cast<double>(INFINITY), "-inf");
        for (int const odd : {0, world.size() - 1}) {
            bool const mine = world.rank() == odd;
            if (world.size() == 1) break;
            refuses(mine ? 0.5 : 0, "0 and 0.5");
            refuses(mine ? 0 : 0.5, "0 and 0.5");
            refuses(mine ? -1 : 0.5, "0.5 and -1");
            refuses(mine ? nan : 0, "0 and nan");
        }
        trainer.step(batch, batch.size(), 0.5);
        expect(laws::values_of(trainer.model()) != before && trainer.replicas_agree(), "the group is usable afterwards");
    });
}

TEST_CASE("ranks that are in different calls of a trainer, or some in none, are told which calls those are") {
    auto const data = laws::wave(20);
    auto told = [&](auto const& odd, std::initializer_list<std::string_view> words) {
        for (int const ranks : {2, 3}) {
            std::atomic<int> right = 0;
            try {
                tutti::launch<tutti::comm::threads>(ranks, [&](auto& world) {
                    auto trainer = trainer_of(world);
                    trainer.run_epoch(data, {.batch = 5});
                    try {
                        if (world.rank() == 0) odd(world, trainer);
                        else trainer.run_epoch(data, {.batch = 5});
                    } catch (tutti::error const& problem) {
                        std::string const text = problem.what();
                        right += std::all_of(words.begin(), words.end(),
                                             [&](auto word) { return text.find(word) != std::string::npos; });
                        throw;
                    }
                });
                FAIL("nothing was thrown");
            } catch (tutti::error const& problem) {
                std::string const text = problem.what();
                CAPTURE(text);
                CHECK(right.load() == ranks);
            }
        }
    };
    // Compilers differ in how much of a type's namespace they write.
    told([&](auto&, auto& trainer) { trainer.evaluate(data, {}); },
         {"rank 0 called all_gather of 2 x", "arguments_of::evaluate; rank 1", "called all_gather of 7 x",
          "arguments_of::run_epoch"});
    told([&](auto& world, auto&) { trainer_of(world); },
         {"arguments_of::data_parallel_trainer; rank 1", "arguments_of::run_epoch"});
    told([&](auto&, auto& trainer) { trainer.step(data); }, {"rank 0 called all_reduce", "step_totals", "arguments_of::run_epoch"});
    told([&](auto& world, auto&) { tutti::barrier(world); }, {"rank 0 called barrier; rank 1", "arguments_of::run_epoch"});
}

TEST_CASE("when a model throws on one rank, launch rethrows it and the other ranks are told by peer_failed") {
    auto const data = laws::wave(40);
    for (int const ranks : {1, 2, 3, 5, 8})
        for (int const thrower : {0, ranks - 1})
            for (int const batch : {1, 3}) {
                std::atomic<int> told = 0;
                std::string text = "nothing was thrown";
                try {
                    tutti::launch<tutti::comm::threads>(ranks, [&](auto& world) {
                        failing model{world.rank(), world.rank() == thrower ? batch : 0};
                        tutti::data_parallel_trainer trainer{world, model, partition::strided{}, tutti::sync::all_reduce{},
                                                             optim::sgd{}};
                        try {
                            trainer.run_epoch(data, {.batch = 8});
                        } catch (tutti::peer_failed const& problem) {
                            if (std::string{problem.what()}.find("batch " + std::to_string(batch) + " on rank " +
                                                                 std::to_string(thrower)) != std::string::npos)
                                ++told;
                            throw;
                        }
                    });
                } catch (std::domain_error const& problem) { text = problem.what(); }
                CHECK(text == "batch " + std::to_string(batch) + " on rank " + std::to_string(thrower));
                CHECK(told == ranks - 1);
            }
}

TEST_CASE("when a callback or a data set throws on one rank, launch rethrows it and the other ranks are told") {
    struct fragile {
        bool breaks;

        std::size_t size() const { return 30; }
        std::vector<std::size_t> batch(std::span<std::size_t const> rows) const {
            if (breaks) throw std::domain_error{"unreadable"};
            return {rows.begin(), rows.end()};
        }
    };
    for (bool const in_data : {true, false}) {
        std::atomic<int> told = 0;
        auto const run = [&] {
            tutti::launch<tutti::comm::threads>(4, [&](auto& world) {
                bool const mine = world.rank() == 2;
                tutti::data_parallel_trainer trainer{world, laws::recorder{}, partition::strided{}, tutti::sync::all_reduce{},
                                                     optim::sgd{}};
                trainer.after_step([&](tutti::step_report const&) {
                    if (mine && !in_data) throw std::domain_error{"unreadable"};
                });
                try {
                    trainer.run_epoch(fragile{mine && in_data}, {.batch = 10});
                } catch (tutti::peer_failed const&) {
                    ++told;
                    throw;
                }
            });
        };
        CHECK_THROWS_WITH_AS(run(), "unreadable", std::domain_error);
        CHECK(told == 3);
    }
}
