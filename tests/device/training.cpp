// A model in device memory trains as its twin in the host's does: on an emulated device, which every machine has.
#include "check.hpp"
#include "emulation.hpp"
#include "twins.hpp"

#include <array>
#include <cmath>
#include <cstddef>
#include <functional>
#include <span>
#include <string_view>
#include <utility>

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

int main() {
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
                    if (world.rank() == 0) tutti::all_reduce(world, here);
                    else tutti::all_reduce(world, there);
                } catch (tutti::collective_mismatch const&) {
                    ++told;
                    throw;
                }
            });
        },
        "all_reduce", "ranks that bring elements of different memories are told");
    check(told == 2, "all of them");
    return broken != 0;
}
