#include "backends.hpp"
#include "training.hpp"

#include <tutti/error.hpp>
#include <tutti/optim/adam.hpp>
#include <tutti/optim/adamw.hpp>
#include <tutti/optim/rate.hpp>
#include <tutti/optim/scheduled.hpp>
#include <tutti/optim/sgd.hpp>
#include <tutti/partition/shuffled.hpp>
#include <tutti/sync/all_reduce.hpp>
#include <tutti/sync/sharded.hpp>
#include <tutti/train/data_parallel_trainer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace optim = tutti::optim;
using tutti::usage_error;

namespace {

constexpr int epochs = 3;
constexpr std::size_t samples = 70, batch = 16, steps_per_epoch = 5;

template <class Comm, class Optimizer, class Sync = tutti::sync::all_reduce>
auto trainer_of(Comm& world, Optimizer const& rule, Sync policy = {}) {
    return tutti::data_parallel_trainer{world, laws::network<float>{}, tutti::partition::shuffled{.seed = 12}, policy, rule};
}

/// All that is kept of a training.
struct kept {
    std::int64_t epoch, steps;
    laws::network<float>::numbers parameters;
    std::vector<std::vector<std::byte>> state;
};

template <class Trainer>
std::vector<std::vector<std::byte>> bytes_of(Trainer& trainer) {
    std::vector<std::vector<std::byte>> all;
    for (auto const bytes : trainer.state()) all.emplace_back(bytes.begin(), bytes.end());
    return all;
}

/// Trains in one go, keeping what is there after every step; then from each step on again, in a trainer of its own.
template <class Comm, class Optimizer, class Sync = tutti::sync::all_reduce>
void resume_everywhere(Comm& world, laws::expectation const& expect, Optimizer const& rule, double clip_norm,
                       std::string const& what, Sync policy = {}) {
    auto const data = laws::wave(samples);
    auto through = trainer_of(world, rule, policy);
    std::vector<kept> after;
    through.after_step([&](tutti::step_report const& now) {
        after.push_back({now.epoch, through.steps(), through.model().now, bytes_of(through)});
    });
    for (int epoch = 0; epoch < epochs; ++epoch) through.run_epoch(data, {.batch = batch, .clip_norm = clip_norm});
    auto const wanted = laws::values_of(through.model());
    expect.equal(after.size(), epochs * steps_per_epoch, what + ": steps kept");
    for (std::size_t done = 1; done < after.size(); ++done) {
        kept const& from = after[done - 1];
        auto resumed = trainer_of(world, rule, policy);
        resumed.model().now = from.parameters;
        resumed.epoch(from.epoch + (done % steps_per_epoch == 0 ? 1 : 0));
        resumed.steps(from.steps);
        auto const state = resumed.state();
        expect.equal(state.size(), from.state.size(), what + ": blocks of state");
        for (std::size_t k = 0; k < state.size(); ++k) {
            expect.equal(state[k].size(), from.state[k].size(), what + ": bytes of a block");
            std::copy(from.state[k].begin(), from.state[k].end(), state[k].begin());
        }
        for (std::size_t first = done % steps_per_epoch; resumed.epoch() < epochs; first = 0)
            resumed.run_epoch(data, {.batch = batch, .clip_norm = clip_norm, .first_step = first});
        std::string const at = what + ", from step " + std::to_string(done);
        expect(laws::values_of(resumed.model()) == wanted, at + ": the same parameters, bit for bit");
        expect(bytes_of(resumed) == bytes_of(through), at + ": the same state, bit for bit");
        expect.equal(resumed.steps(), through.steps(), at + ": steps");
    }
}

}  // namespace

TEST_CASE("a training that resumes after any step ends as one that went through, bit for bit") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        optim::rate::cosine const fall{.steps = epochs * steps_per_epoch, .warm_up = 7, .floor = 0.1};
        resume_everywhere(world, expect, optim::sgd{.learning_rate = 0.05}, 0, "sgd");
        resume_everywhere(world, expect, optim::sgd{.learning_rate = 0.05, .momentum = 0.9}, 0.5, "momentum, clipped");
        resume_everywhere(world, expect, optim::adam{.learning_rate = 0.05}, 0, "adam");
        resume_everywhere(world, expect, optim::scheduled{optim::adamw{.learning_rate = 0.05}, fall}, 0, "adamw on a schedule");
        resume_everywhere(world, expect, optim::scheduled{optim::sgd{.learning_rate = 0.1}, fall}, 0, "sgd on a schedule");
        resume_everywhere(world, expect, optim::adam{.learning_rate = 0.05}, 0.5, "adam, sharded and clipped",
                          tutti::sync::sharded<1>{});
    });
}

TEST_CASE("state() is the optimiser's slots of all blocks: none without momentum, one per parameter with it, two for Adam") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        auto bytes = [&](auto const& rule) {
            auto trainer = trainer_of(world, rule);
            std::size_t sum = 0;
            for (auto const each : trainer.state()) sum += each.size();
            return sum;
        };
        std::size_t const one = (3 * laws::network<float>::hidden + 1) * sizeof(float);
        expect.equal(bytes(optim::sgd{}), 0u, "sgd");
        expect.equal(bytes(optim::sgd{.momentum = 0.5}), one, "momentum");
        expect.equal(bytes(optim::adam{}), 2 * one, "adam");
    });
}

TEST_CASE("steps() counts the steps of epochs and of the caller, and must be equal on all ranks and not negative") {
    auto const data = laws::wave(samples);
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        auto trainer = trainer_of(world, optim::adam{});
        expect.equal(trainer.steps(), 0, "at the start");
        trainer.run_epoch(data, {.batch = batch});
        trainer.step(data);
        expect.equal(trainer.steps(), static_cast<std::int64_t>(steps_per_epoch) + 1, "after an epoch and a step");
        expect.throws<usage_error>([&] { trainer.steps(-1); }, {"steps(-1)"}, "negative");
        if (world.size() == 1) return;
        auto const before = laws::values_of(trainer.model());
        trainer.steps(world.rank() == 0 ? 8 : 7);
        expect.throws<usage_error>([&] { trainer.run_epoch(data, {}); }, {"steps done", "8 on rank 0", "7 on rank 1"}, "an epoch");
        expect.throws<usage_error>([&] { trainer.step(data); }, {"steps done", "7 and 8"}, "a step");
        expect(laws::values_of(trainer.model()) == before, "parameters stay");
    });
}
