// The example of digits on devices finds what the one on the host finds. Built for a device, and for an emulated one.
#include "check.hpp"

#include "../../examples/device/mlp.hpp"
#include "../../examples/device/sample.hpp"
#include "../../examples/digits/train.hpp"

#include <tutti/comm/threads.hpp>
#include <tutti/comm/with_devices.hpp>
#include <tutti/device/training.hpp>
#include <tutti/tutti.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#ifdef EMULATED
#include "emulation.hpp"

template <class Share>
void digits::on_device::launch(cudaStream_t, Share const& share, std::size_t workers) {
    for (std::size_t k = 0; k < workers; ++k) share(k, workers);
}
using world_of_test = emulated;
#else
using world_of_test = tutti::comm::with_devices<tutti::comm::threads>;
#endif
#ifdef WITH_EIGEN
#include "../../examples/digits/data.hpp"
#include "../../examples/digits/mlp.hpp"
#endif

/// Mean losses of the first epochs, and how many of 360 digits are told right then: what the host's example finds, which is asked
/// again where Eigen is.
constexpr std::array expected{1.92359, 0.63056, 0.26851};
constexpr double right = 331;

template <class Comm, class Sample, class Make>
bool finds_it(int ranks, std::vector<Sample> const& samples, Make make) {
    digits::options const chosen{.epochs = static_cast<int>(expected.size())};
    auto const data = digits::hold_out(samples);
    digits::outcome found;
    tutti::launch<Comm>(ranks, [&](auto& world) {
        auto mine =
            digits::train(world, make(world, static_cast<std::size_t>(chosen.hidden), chosen.seed), chosen, data, {false, false});
        if (world.rank() == 0) found = std::move(mine);
    });
    double told = 0;
    for (std::size_t label = 0; label < 10; ++label) told += found.counts[11 * label];
    bool same = found.losses.size() == expected.size() && std::abs(told - right) < 4;
    for (std::size_t k = 0; same && k < expected.size(); ++k) same = std::abs(found.losses[k] - expected[k]) < 1e-3;
    return same;
}

int main() {
    if (devices() == 0) return skip("a device");
    auto const samples = digits::read_as<digits::on_device::sample>(DIGITS_CSV);
    auto const make = [](auto& world, std::size_t hidden, std::uint64_t seed) {
        return digits::on_device::mlp{world.stream(), {64, hidden, hidden, 10}, seed};
    };
    check(finds_it<world_of_test>(1, samples, make), "one rank on a device learns what one on the host does");
#ifdef EMULATED
    int const ranks = 3;
#else
    int const ranks = devices();
#endif
    check(finds_it<world_of_test>(ranks, samples, make), "and so do several");
#ifdef WITH_EIGEN
    auto const on_host = [](auto&, std::size_t hidden, std::uint64_t seed) {
        auto const width = static_cast<Eigen::Index>(hidden);
        return digits::mlp{{64, width, width, 10}, seed};
    };
    check(finds_it<tutti::comm::threads>(1, digits::read(DIGITS_CSV), on_host), "which is what the host's example finds");
#endif
    return broken != 0;
}
