#include "backends.hpp"
#include "training.hpp"

#include <tutti/collectives/all_gather.hpp>
#include <tutti/optim/adam.hpp>
#include <tutti/optim/sgd.hpp>
#include <tutti/partition/block.hpp>
#include <tutti/partition/shuffled.hpp>
#include <tutti/partition/strided.hpp>
#include <tutti/partition/weighted.hpp>
#include <tutti/sync/all_reduce.hpp>
#include <tutti/train/data_parallel_trainer.hpp>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace optim = tutti::optim;
namespace partition = tutti::partition;

namespace {

/// Weights 1, 2, 3, 1, 2, 3, ...
partition::weighted uneven(int ranks, std::uint64_t seed) {
    partition::weighted dealt{.seed = seed};
    for (int rank = 0; rank < ranks; ++rank) dealt.weights.push_back(1 + rank % 3);
    return dealt;
}

/// How far p ranks may be from one, by rounding alone: in a step each gradient rounds about (samples of the step + 26) times in
/// either run, at sums of terms below 8; the error moves the parameters by the learning rate, and every later step lets it grow
/// by at most `growth`. That is 1 for `line`, whose learning rate is below 2 / (largest curvature) = 0.5. The curvatures of
/// `network`'s loss lie between -1 and 5 on these data, so there it is 1 + learning_rate.
template <class T>
double rounding(std::size_t batch, double learning_rate, int steps, double growth) {
    double const once =
        2 * static_cast<double>(batch + 26) * static_cast<double>(std::numeric_limits<T>::epsilon()) * 8 * learning_rate;
    double all = 0;
    for (int step = 0; step < steps; ++step) all = all * growth + once;
    return all;
}

}  // namespace

TEST_CASE_TEMPLATE("any number of ranks trains a linear model as one rank does, to rounding", T, float, double) {
    // 1000 samples in batches of 64: the last batch of 40 deals unevenly to 3, 7 and 16 ranks.
    auto const data = laws::wave(1000);
    tutti::epoch_options const options{.batch = 64};
    optim::sgd const rule{.learning_rate = 0.1};
    auto const dealt = laws::trained_alone(laws::line<T>{}, partition::shuffled{.seed = 3}, rule, data, options, 3);
    auto const in_order = laws::trained_alone(laws::line<T>{}, partition::strided{}, rule, data, options, 3);
    double const tolerance = rounding<T>(64, 0.1, 48, 1);
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        auto const off = [&](auto const& wanted, auto const& how) {
            return laws::largest_difference(laws::trained(world, laws::line<T>{}, how, rule, data, options, 3), wanted);
        };
        expect.close(off(dealt, partition::shuffled{.seed = 3}), 0, tolerance, "shuffled");
        expect.close(off(in_order, partition::strided{}), 0, tolerance, "strided");
        expect.close(off(dealt, uneven(world.size(), 3)), 0, tolerance, "weighted");
    });
}

TEST_CASE_TEMPLATE("any number of ranks trains a network as one rank does, to rounding", T, float, double) {
    auto const data = laws::wave(150);
    tutti::epoch_options const options{.batch = 32};
    optim::sgd const rule{.learning_rate = 0.05};
    auto const alone = laws::trained_alone(laws::network<T>{}, partition::shuffled{.seed = 9}, rule, data, options, 2);
    double const tolerance = rounding<T>(32, 0.05, 10, 1.05);
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        auto const off = [&](auto const& how) {
            return laws::largest_difference(laws::trained(world, laws::network<T>{}, how, rule, data, options, 2), alone);
        };
        expect.close(off(partition::shuffled{.seed = 9}), 0, tolerance, "shuffled");
        expect.close(off(uneven(world.size(), 9)), 0, tolerance, "weighted");
    });
}

TEST_CASE("batches and data smaller than the number of ranks train as on one rank; ranks without samples take part") {
    optim::sgd const rule{.learning_rate = 0.1};
    laws::line<double> model;
    model.slopes = {NAN, NAN};  // what a rank's gradients hold before it had a sample is of no account
    for (std::size_t const size : {1u, 2u, 3u, 7u, 17u})
        for (std::size_t const batch : {1u, 2u, 3u, 5u, 64u}) {
            auto const data = laws::wave(size);
            auto const alone = laws::trained_alone(model, partition::shuffled{.seed = 2}, rule, data, {.batch = batch}, 2);
            double const tolerance = rounding<double>(batch, 0.1, 34, 1);
            laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
                std::string const what = std::to_string(size) + " samples in batches of " + std::to_string(batch);
                for (std::size_t const accumulate : {1u, 2u}) {
                    tutti::epoch_options const options{.batch = batch, .accumulate = accumulate};
                    auto const found = laws::trained(world, model, partition::shuffled{.seed = 2}, rule, data, options, 2);
                    expect.close(laws::largest_difference(found, alone), 0, tolerance, what);
                }
            });
        }
}

TEST_CASE("where arithmetic is exact, ranks train exactly what a hand-written loop trains") {
    // Small whole numbers, and powers of two for batch, ranks and learning rate: nothing is ever rounded.
    std::vector<laws::point> data;
    for (int i = 0; i < 64; ++i) data.push_back({static_cast<double>(i % 5 - 2), static_cast<double>(i * i % 7 - 3)});
    laws::line<double> loop;
    for (std::size_t first = 0; first < data.size(); first += 16) {
        double a = 0, b = 0;
        for (std::size_t i = first; i < first + 16; ++i) {
            double const error = loop.weights[0] * data[i].x + loop.weights[1] - data[i].y;
            a += 2 * error * data[i].x, b += 2 * error;
        }
        loop.weights[0] -= 0.125 * (a / 16), loop.weights[1] -= 0.125 * (b / 16);
    }
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        if (!std::has_single_bit(static_cast<unsigned>(world.size()))) return;
        auto const found = laws::trained(world, laws::line<double>{}, partition::strided{}, optim::sgd{.learning_rate = 0.125},
                                         data, {.batch = 16});
        expect.equal(found[0], loop.weights[0], "slope");
        expect.equal(found[1], loop.weights[1], "intercept");
        auto const accumulated = laws::trained(world, laws::line<double>{}, partition::strided{},
                                               optim::sgd{.learning_rate = 0.125}, data, {.batch = 16, .accumulate = 2});
        if (world.size() <= 4) expect(accumulated == found, "in two micro-batches");
    });
}

TEST_CASE("blocks of data on their ranks train, in one batch, as all data on one rank") {
    auto const data = laws::wave(101);
    optim::sgd const rule{.learning_rate = 0.1};
    auto const alone = laws::trained_alone(laws::line<double>{}, partition::strided{}, rule, data, {.batch = 200}, 10);
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        auto const found = laws::trained(world, laws::line<double>{}, partition::block{}, rule, data, {.batch = 200}, 10);
        expect.close(laws::largest_difference(found, alone), 0, rounding<double>(101, 0.1, 10, 1), "block");
    });
}

TEST_CASE("accumulating a step over micro-batches gives the same step, to rounding") {
    auto const data = laws::wave(50);
    optim::sgd const rule{.learning_rate = 0.1};
    auto const alone = laws::trained_alone(laws::line<double>{}, partition::shuffled{.seed = 5}, rule, data, {.batch = 12}, 2);
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        for (std::size_t const accumulate : {1u, 2u, 3u, 5u, 12u, 100u}) {
            auto const found = laws::trained(world, laws::line<double>{}, partition::shuffled{.seed = 5}, rule, data,
                                             {.batch = 12, .accumulate = accumulate}, 2);
            expect.close(laws::largest_difference(found, alone), 0, rounding<double>(12, 0.1, 10, 1),
                         std::to_string(accumulate) + " micro-batches");
        }
    });
}

TEST_CASE("replicas are equal, bit for bit, after every step") {
    auto const data = laws::wave(77);
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        int const ranks = world.size();
        auto follow = [&](auto model, auto how, auto rule, tutti::epoch_options const& options, char const* what) {
            tutti::data_parallel_trainer trainer{world, std::move(model), how, tutti::sync::all_reduce{}, rule};
            std::size_t steps = 0;
            trainer.after_step([&](tutti::step_report const&) {
                auto const mine = laws::values_of(trainer.model());
                std::vector<double> all(mine.size() * static_cast<std::size_t>(ranks));
                tutti::all_gather(world, mine, all);
                for (std::size_t i = 0; i < all.size(); ++i)
                    expect(std::bit_cast<std::uint64_t>(all[i]) == std::bit_cast<std::uint64_t>(mine[i % mine.size()]), what);
                expect(trainer.replicas_agree(), what);
                ++steps;
            });
            trainer.run_epoch(data, options);
            trainer.run_epoch(data, options);
            expect.equal(steps, 2 * ((data.size() + options.batch - 1) / options.batch), "steps looked at");
        };
        // Initialised differently on every rank: the trainer starts from rank 0's.
        double const own = 0.125 * world.rank();
        follow(laws::network<float>{own}, partition::shuffled{.seed = 1},
               optim::sgd{.learning_rate = 0.05, .momentum = 0.9, .nesterov = true}, {.batch = 20}, "sgd");
        follow(laws::network<double>{own}, uneven(ranks, 4), optim::adam{.learning_rate = 0.01}, {.batch = 9, .accumulate = 2},
               "adam");
        follow(laws::network<float>{own}, partition::block{}, optim::sgd{.learning_rate = 0.05}, {.batch = 30, .clip_norm = 0.01},
               "clipped");
    });
}

TEST_CASE("replicas_agree notices one bit on one rank, on every rank") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        tutti::data_parallel_trainer trainer{world, laws::network<float>{}, partition::strided{}, tutti::sync::all_reduce{},
                                             optim::sgd{}};
        expect(trainer.replicas_agree(), "before");
        float& last = trainer.model().now.offset[0];
        for (int changed = 0; changed < world.size(); ++changed) {
            float const was = last;
            if (world.rank() == changed) last = std::nextafter(was, 1.0f);
            expect(trainer.replicas_agree() == (world.size() == 1), "one bit changed");
            last = was;
        }
        expect(trainer.replicas_agree(), "after");
    });
}

TEST_CASE("every rank starts from rank 0's parameters, however its own model was initialised") {
    laws::network<float> first{0.25};
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        tutti::data_parallel_trainer trainer{world, laws::network<float>{0.25 + world.rank()}, partition::strided{},
                                             tutti::sync::all_reduce{}, optim::sgd{}};
        expect(laws::values_of(trainer.model()) == laws::values_of(first), "rank 0's parameters");
        tutti::data_parallel_trainer other{world, laws::network<double>{0.25 * (world.size() - world.rank())}, partition::strided{},
                                           tutti::sync::all_reduce{}, optim::sgd{}};
        laws::network<double> zeroth{0.25 * world.size()};
        expect(laws::values_of(other.model()) == laws::values_of(zeroth), "rank 0's parameters in double precision");
    });
}
