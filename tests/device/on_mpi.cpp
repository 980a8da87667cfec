// Processes that reach the memory of emulated devices by NCCL, emulated too, and the host's over MPI: what tutti itself does of that.
#include "collectives.hpp"
#include "emulated_kernels.hpp"
#include "twins.hpp"

#include <tutti/comm/checked.hpp>
#include <tutti/comm/mpi.hpp>
#include <tutti/comm/with_devices.hpp>

#include <array>
#include <cstddef>
#include <span>

using tutti::comm::mpi;
using there = tutti::comm::with_devices<mpi>;

/// On two ranks: what more bring, MPI may sum in an order of its own.
template <class Optimizer>
void compare(Optimizer optimizer) {
    int const ranks = 2;
    for (std::size_t const parts : std::array<std::size_t, 2>{1, 3}) {
        tutti::epoch_options const options{.batch = 8, .accumulate = parts};
        auto const found = train<there, true>(ranks, options, optimizer);
        check(found == train<mpi, false>(ranks, options, optimizer), "on devices processes train what they do on the host, bit for bit");
        if (!found.parameters.empty())
            check(found == train<tutti::comm::threads, false>(ranks, options, optimizer), "which is what threads train");
    }
}

int main() {
    tutti::launch<there>([&](there& world) {
        check_collectives(world.devices());
        tutti::device_buffer<float> numbers{std::span<float const>{std::array{1.f, 2.f}}};
        tutti::all_reduce(world, numbers);
        std::array<float, 2> here{};
        tutti::copy(numbers, here);
        auto const p = static_cast<float>(world.size());
        check(here == std::array{p, 2 * p}, "what is on a device is summed there");
        check(tutti::all_reduce(world, 1) == world.size(), "and what is on the host, there");
    });
    tutti::launch<tutti::comm::with_devices<tutti::comm::checked<mpi>>>([](auto& world) {
        tutti::device_buffer<float> on_device{2};
        std::array<float, 2> on_host{1, 2};
        check_throws<tutti::collective_mismatch>(
            [&] {
                if (world.rank() == 0) tutti::broadcast(world, on_device, 1);
                else tutti::broadcast(world, on_host, 1);
            },
            "rank 0 called broadcast of 2 x float, root 1, in device memory; rank 1 called broadcast of 2 x float, root 1, in host memory",
            "ranks that bring elements of different memories are told so");
    });
    compare(tutti::optim::sgd{.learning_rate = 0.1, .momentum = 0.9});
    compare(tutti::optim::adamw{});
    return broken != 0;
}
