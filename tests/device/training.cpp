// A model in device memory trains as its twin in the host's does: on an emulated device, which every machine has.
#include "check.hpp"
#include "emulation.hpp"
#include "twins.hpp"

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

using tutti::comm::threads;

bool near(outcome const& a, outcome const& b) {
    bool same = std::abs(a.norm - b.norm) < 1e-5 && std::abs(a.loss - b.loss) < 1e-5;
    for (std::size_t k = 0; k < a.parameters.size(); ++k) same = same && std::abs(a.parameters[k] - b.parameters[k]) < 1e-5f;
    return same;
}

template <class Optimizer>
void compare(Optimizer optimizer) {
    for (int const ranks : {1, 2, 3, 4})
        for (std::size_t const batch : std::array<std::size_t, 3>{2, 8, 37})
            for (std::size_t const parts : std::array<std::size_t, 3>{1, 2, 5}) {
                tutti::epoch_options options{.batch = batch, .accumulate = parts};
                check(train<emulated, true>(ranks, options, optimizer) == train<threads, false>(ranks, options, optimizer),
                      "the device's training is the host's, bit for bit: uneven shares, ranks without a sample, micro-batches");
                options.clip_norm = 0.01;
                check(near(train<emulated, true>(ranks, options, optimizer), train<threads, false>(ranks, options, optimizer)),
                      "and to rounding where norms are bounded");
            }
}

/// What a trainer says that it holds is what its rank has had of the device.
template <class Optimizer>
void check_memory(Optimizer optimizer) {
    tutti::launch<emulated>(2, [&](emulated& world) {
        model<true> mine;
        std::size_t const before = allocated_there();
        tutti::data_parallel_trainer trainer{world, std::move(mine), tutti::partition::block{}, tutti::sync::all_reduce{}, optimizer};
        auto const own = [&](tutti::rank_memory const& now) { return now.total() - now.parameters - now.gradients; };
        auto const agrees = [&](std::string_view when, int line = __builtin_LINE()) {
            check(own(trainer.memory()) == allocated_there() - before, when, line);
        };
        agrees("at the start");
        trainer.run_epoch(samples, {.batch = 8});
        agrees("after an epoch");
        trainer.run_epoch(samples, {.batch = 8, .accumulate = 2});
        agrees("after one of micro-batches");
        check(trainer.memory().accumulation == 9 * sizeof(float), "sums are as large as gradients");
        for (int k = 0; k < 2; ++k) trainer.run_epoch(samples, {.batch = 8, .accumulate = 3, .clip_norm = 1});
        agrees("after several of bounded norms");
        check(trainer.memory().norms == 64 * 1024, "norms take 64 KiB");
    });
}

/// All that is kept of a training after a step.
struct kept {
    std::int64_t epoch = 0, steps = 0;
    std::vector<float> parameters;
    std::vector<std::vector<std::byte>> state;
};

template <class Trainer>
kept save(Trainer& trainer, std::int64_t epoch) {
    kept all;
    all.epoch = epoch, all.steps = trainer.steps();
    tutti::for_each_block(trainer.model().parameters(), [&](auto block) {
        std::vector<float> numbers(block.size());
        tutti::copy(block, numbers, trainer.world().stream());
        all.parameters.insert(all.parameters.end(), numbers.begin(), numbers.end());
    });
    for (tutti::device_span<std::byte> const block : trainer.state())
        tutti::copy(block, all.state.emplace_back(block.size()), trainer.world().stream());
    return all;
}

template <class Trainer>
void load(Trainer& trainer, kept const& from) {
    trainer.epoch(from.epoch), trainer.steps(from.steps);
    std::span rest{from.parameters};
    tutti::for_each_block(trainer.model().parameters(), [&](auto block) {
        tutti::copy(rest.first(block.size()), block, trainer.world().stream());
        rest = rest.subspan(block.size());
    });
    auto const state = trainer.state();
    check(state.size() == from.state.size(), "a new trainer has as many blocks of state");
    for (std::size_t k = 0; k < state.size(); ++k) tutti::copy(from.state[k], state[k]);
}

/// Trains in one go, and from every step on again in a trainer of its own: see tests/laws/trainer_resume.cpp.
template <class Optimizer>
void resume(int ranks, tutti::epoch_options const& options, Optimizer optimizer, std::size_t slots) {
    constexpr std::int64_t epochs = 2;
    tutti::launch<emulated>(ranks, [&](emulated& world) {
        auto const make = [&] {
            return tutti::data_parallel_trainer{world, model<true>{}, tutti::partition::shuffled{.seed = 3}, tutti::sync::all_reduce{},
                                                optimizer};
        };
        auto through = make();
        std::vector<kept> after;
        through.after_step([&](tutti::step_report const& now) { after.push_back(save(through, now.epoch)); });
        while (through.epoch() < epochs) through.run_epoch(samples, options);
        kept const end = save(through, epochs);
        std::size_t const per_epoch = after.size() / epochs;
        std::size_t bytes = 0;
        for (auto const& block : end.state) bytes += block.size();
        check(bytes == slots * 9 * sizeof(float), "state() is the optimiser's slots of all blocks");
        for (std::size_t done = 1; done < after.size(); ++done) {
            auto resumed = make();
            after[done - 1].epoch += done % per_epoch == 0;
            load(resumed, after[done - 1]);
            auto rest = options;
            rest.first_step = done % per_epoch;
            for (; resumed.epoch() < epochs; rest.first_step = 0) resumed.run_epoch(samples, rest);
            kept const found = save(resumed, epochs);
            check(found.parameters == end.parameters && found.state == end.state && found.steps == end.steps,
                  "a training on a device that resumes after any step ends as one that went through, bit for bit");
        }
    });
}

int main() {
    for (int const ranks : {1, 2, 3}) {
        tutti::optim::rate::cosine const fall{.steps = 10, .warm_up = 3};
        resume(ranks, {.batch = 8}, tutti::optim::sgd{}, 0);
        resume(ranks, {.batch = 8, .accumulate = 2, .clip_norm = 0.01}, tutti::optim::sgd{.learning_rate = 0.1, .momentum = 0.9}, 1);
        resume(ranks, {.batch = 8}, tutti::optim::scheduled{tutti::optim::adamw{.learning_rate = 0.05}, fall}, 2);
    }
    compare(tutti::optim::sgd{.learning_rate = 0.1});
    compare(tutti::optim::sgd{.learning_rate = 0.1, .momentum = 0.9});
    compare(tutti::optim::adamw{});
    check_memory(tutti::optim::sgd{});
    check_memory(tutti::optim::adamw{});
    tutti::epoch_options const some{.batch = 8};
    check(train<emulated, false>(3, some, tutti::optim::sgd{}) == train<threads, false>(3, some, tutti::optim::sgd{}),
          "a model on the host trains there as before");

    static_assert(tutti::communicator<emulated> && tutti::reaches<emulated>(tutti::memory_space::host) &&
                  tutti::reaches<emulated>(tutti::memory_space::device) && tutti::communicator<tutti::comm::with_devices<threads>>);
    std::atomic<int> told{0};
    tutti::launch<emulated>([&](emulated& world) {
        check(world.size() == 2, "as many thread ranks as devices");
        tutti::data_parallel_trainer trainer{world, model<true>{}, tutti::partition::block{}, tutti::sync::all_reduce{},
                                             tutti::optim::sgd{}};
        trainer.run_epoch(samples, {.batch = 8});

        int const passed = world.devices().performed();
        tutti::device_buffer<float> there{std::span<float const>{std::array{1.f, 2.f}}};
        check(tutti::all_reduce(world, 1) == 2 && world.devices().performed() == passed, "what is on the host travels there");
        tutti::all_reduce(world, there);
        check(there.data()[1] == 4 && world.devices().performed() == passed + 1, "what is on a device travels there");
        tutti::device_buffer<float> from{2};
        tutti::exchange(world, there, 1 - world.rank(), from, 1 - world.rank());
        check(from.data()[0] == 2 && world.devices().performed() == passed + 2, "and so do messages");
        check_throws<tutti::usage_error>([&] { tutti::all_reduce(world, there, std::plus<>{}, tutti::algorithm::ring{}); },
                                         "leave the algorithm out", "schedules on device memory are refused");
    });
    check_throws<tutti::collective_mismatch>(
        [&] {
            tutti::launch<emulated>(2, [&](emulated& world) {
                tutti::device_buffer<float> there{std::span<float const>{std::array{1.f, 2.f}}};
                std::array<float, 2> here{1, 2};
                try {
                    if (world.rank() == 0) tutti::broadcast(world, here, 1);
                    else tutti::broadcast(world, there, 1);
                } catch (tutti::collective_mismatch const&) {
                    ++told;
                    throw;
                }
            });
        },
        "rank 0 called broadcast of 2 x float, root 1, in host memory; rank 1 called broadcast of 2 x float, root 1, in device memory",
        "ranks that bring elements of different memories are told");
    check(told == 2, "all of them");
    return broken != 0;
}
