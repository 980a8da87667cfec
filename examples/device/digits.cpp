// Handwritten digits, told apart by a network in the memory of GPUs, one for each thread rank: the training loop of ../digits.cpp,
// with cuBLAS for the products and kernels of its own.
#include "mlp.hpp"
#include "sample.hpp"

#include "../digits/train.hpp"

#include <tutti/comm/with_devices.hpp>
#include <tutti/device/training.hpp>
#include <tutti/tutti.hpp>

#include <cstdio>
#include <exception>
#include <utility>

int main() {
    int devices = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
        std::puts("no GPU is here to train on");
        return 77;
    }
    try {
        digits::options const chosen;
        auto const data = digits::hold_out(digits::read_as<digits::on_device::sample>(chosen.data));
        digits::screen const on;
        digits::outcome result;
        tutti::launch<tutti::comm::with_devices<tutti::comm::threads>>([&](auto& world) {
            auto const hidden = static_cast<std::size_t>(chosen.hidden);
            digits::on_device::mlp net{world.stream(), {64, hidden, hidden, 10}, chosen.seed};
            auto mine = digits::train(world, std::move(net), chosen, data, on);
            if (world.rank() == 0) result = std::move(mine);
        });
        return result.diverged || digits::show(result, chosen, data.held_out, on) < 0.96;
    } catch (std::exception const& failure) {
        std::fprintf(stderr, "device_digits: %s\n", failure.what());
        return 1;
    }
}
