#include "backends.hpp"
#include "training.hpp"

#include <tutti/optim/rate.hpp>
#include <tutti/optim/scheduled.hpp>
#include <tutti/optim/sgd.hpp>
#include <tutti/partition/shuffled.hpp>
#include <tutti/partition/strided.hpp>
#include <tutti/sync/all_reduce.hpp>
#include <tutti/train/data_parallel_trainer.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>
#include <string>
#include <tuple>
#include <vector>

namespace optim = tutti::optim;
namespace partition = tutti::partition;

namespace {

/// Its gradient is (3, 0 | 4, 0) times the mean of its batch, in single and in double precision: of norm 5 times that.
struct three_and_four {
    std::array<float, 2> single{}, single_slope{};
    std::array<double, 2> twice{}, twice_slope{};

    auto parameters() { return std::tuple{std::span{single}, std::span{twice}}; }
    auto gradients() { return std::tuple{std::span{single_slope}, std::span{twice_slope}}; }
    double loss_and_gradients(auto const& batch) {
        double sum = 0;
        for (double const each : batch) sum += each;
        double const mean = sum / static_cast<double>(batch.size());
        single_slope = {static_cast<float>(3 * mean), 0};
        twice_slope = {4 * mean, 0};
        return mean;
    }
};

template <class Comm, class Optimizer>
auto trainer_of(Comm& world, Optimizer rule) {
    return tutti::data_parallel_trainer{world, three_and_four{}, partition::strided{}, tutti::sync::all_reduce{}, rule};
}

}  // namespace

TEST_CASE("clip_norm shortens the whole gradient, of all blocks and all ranks, to that norm") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        std::vector<double> const data(40, 2.0);  // the gradient is (6, 0 | 8, 0), of norm 10
        auto trainer = trainer_of(world, optim::sgd{.learning_rate = 1});
        std::vector<double> norms;
        trainer.after_step([&](tutti::step_report const& report) { norms.push_back(report.gradient_norm); });
        trainer.run_epoch(data, {.batch = 40, .clip_norm = 2.5});
        // Four roundings to single precision: of the gradient's weight, sum and scale, and of the update.
        expect.close(trainer.model().single[0], -1.5, 1e-6, "single precision");
        expect.close(trainer.model().twice[0], -2, 1e-6, "double precision");
        expect(trainer.model().single[1] == 0 && trainer.model().twice[1] == 0, "zeros stay");
        expect.equal(norms.size(), 1u, "steps");
        expect.close(norms[0], 10, 1e-5, "the norm before clipping is reported");
    });
}

TEST_CASE("clip_norm is about the gradient of the whole batch, not of a rank's part") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        // Every rank's own gradient is of norm 80 or so; that of the batch is of norm 5/8.
        int const p = world.size();
        std::vector<double> data;
        for (int i = 0; i < 8 * p; ++i) {
            bool const last_of_odd = p % 2 == 1 && i % p == p - 1;
            data.push_back(0.125 + (last_of_odd ? 0 : i % p % 2 == 0 ? 16 : -16));
        }
        auto trainer = trainer_of(world, optim::sgd{.learning_rate = 1});
        double norm = -1;
        trainer.after_step([&](tutti::step_report const& report) { norm = report.gradient_norm; });
        trainer.run_epoch(data, {.batch = data.size(), .clip_norm = 1});
        expect.close(norm, 0.625, 1e-3, "norm of the mean gradient");
        expect.close(trainer.model().twice[0], -0.5, 1e-12, "not clipped");
    });
}

TEST_CASE("a gradient within clip_norm, or without one, is left as it is") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        std::vector<double> const data(8, 1.0);  // norm 5
        for (double const clip : {0.0, 5.5, 1e300, static_cast<double>(INFINITY)}) {
            auto trainer = trainer_of(world, optim::sgd{.learning_rate = 0.5});
            trainer.run_epoch(data, {.batch = 8, .clip_norm = clip});
            expect.close(trainer.model().single[0], -1.5, 1e-6, "single precision");
            expect.close(trainer.model().twice[0], -2, 1e-14, "double precision");
        }
    });
}

TEST_CASE("a schedule sets the learning rate by optimiser steps, across epochs and without regard to micro-batches") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        std::vector<double> const data(30, 1.0);
        for (std::size_t const accumulate : {1u, 2u}) {
            auto trainer = trainer_of(
                world, optim::scheduled{optim::sgd{.learning_rate = 0.5}, optim::rate::cosine{.steps = 6, .warm_up = 2}});
            for (int epoch = 0; epoch < 3; ++epoch) trainer.run_epoch(data, {.batch = 10, .accumulate = accumulate});
            // 9 steps: 1/2, 1, then (1 + cos(pi k / 4)) / 2 for k = 1 .. 4, then 0.
            double factors = 0.5 + 1;
            for (int k = 1; k <= 4; ++k) factors += (1 + std::cos(std::numbers::pi * k / 4)) / 2;
            expect.close(trainer.model().twice[0], -4 * 0.5 * factors, 1e-12, "sum of the learning rates");
            expect.close(trainer.model().single[0], -3 * 0.5 * factors, 1e-5, "sum of the learning rates, single precision");
        }
    });
}

TEST_CASE("step() weights every rank's own batch by its size, empty ones included, as one rank with all of them would") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        auto const size_on = [&](int rank) {
            return static_cast<std::size_t>(world.size() == 1 ? 3 : (rank + 1) % 4 * 2 % 5);
        };  // 2, 4, 1, 0, 2, ...
        auto const batch_of = [&](int rank, int turn) {
            std::vector<laws::point> batch;
            for (std::size_t i = 0; i < size_on(rank); ++i)
                batch.push_back(
                    {std::sin(rank + 3.0 * static_cast<double>(i) + turn), std::cos(5.0 * rank + static_cast<double>(i))});
            return batch;
        };
        tutti::comm::solo own;
        optim::sgd const rule{.learning_rate = 0.1, .momentum = 0.5};
        laws::line<double> model;
        model.slopes = {NAN, NAN};  // of no account before a rank has had a sample
        tutti::data_parallel_trainer together{world, model, partition::strided{}, tutti::sync::all_reduce{}, rule};
        tutti::data_parallel_trainer alone{own, model, partition::strided{}, tutti::sync::all_reduce{}, rule};
        for (int turn = 0; turn < 5; ++turn) {
            std::vector<laws::point> all;
            for (int rank = 0; rank < world.size(); ++rank)
                for (auto const& each : batch_of(rank, turn)) all.push_back(each);
            auto const mine = batch_of(world.rank(), turn);
            auto const report = turn % 2 ? together.step(mine) : together.step(mine, mine.size());
            auto const wanted = alone.step(all);
            expect.equal(report.samples, all.size(), "samples over all ranks");
            expect.equal(wanted.samples, all.size(), "samples on one rank");
            expect.close(report.mean_loss, wanted.mean_loss, 1e-13, "mean loss over all ranks");
            expect.close(laws::largest_difference(laws::values_of(together.model()), laws::values_of(alone.model())), 0, 1e-13,
                         "parameters");
            expect(together.replicas_agree(), "replicas");
        }
    });
}

TEST_CASE("step() reports, calls back, clips and follows schedules as a step of an epoch does") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        auto trainer =
            trainer_of(world, optim::scheduled{optim::sgd{.learning_rate = 1}, optim::rate::step{.period = 1, .factor = 0.5}});
        std::vector<double> const batch{2.0, 2.0};
        int calls = 0;
        trainer.after_step([&](tutti::step_report const&) { ++calls; });
        auto const first = trainer.step(batch, 2, 5.0);  // the gradient is (6 | 8), of norm 10: halved
        expect.close(first.gradient_norm, 10, 1e-5, "norm before clipping");
        expect.equal(first.samples, 2 * static_cast<std::size_t>(world.size()), "samples");
        expect.close(first.mean_loss, 2, 1e-12, "loss");
        expect.close(trainer.model().twice[0], -4, 1e-6, "clipped");
        trainer.step(batch);
        expect.close(trainer.model().twice[0], -4 - 4, 1e-6, "half the learning rate, not clipped");
        expect.equal(calls, 2, "callbacks");
        expect.equal(trainer.epoch(), 0, "steps of the caller's are no epoch");
    });
}

TEST_CASE("step() refuses to go without any sample, on every rank, and changes nothing") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        auto trainer = trainer_of(world, optim::sgd{.learning_rate = 1, .momentum = 0.5});
        trainer.step(std::vector{1.0});
        auto const before = laws::values_of(trainer.model());
        expect.throws<tutti::usage_error>([&] { trainer.step(std::vector<double>{}); }, {"step", "sample"}, "no rank has a sample");
        expect(laws::values_of(trainer.model()) == before, "parameters stay");
        trainer.step(std::vector{1.0});
        expect.close(trainer.model().twice[0], -4 - 6, 1e-12, "training goes on");
    });
}
