#pragma once

#include <tutti/collectives/broadcast.hpp>
#include <tutti/collectives/messages.hpp>
#include <tutti/collectives/price.hpp>
#include <tutti/concepts/call.hpp>
#include <tutti/concepts/communicator.hpp>
#include <tutti/detail/least_chrono.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <functional>
#include <span>
#include <utility>
#include <vector>

namespace tutti {

/// Knows what its messages cost: `world.costs()`, equal on all ranks.
template <class Comm>
concept has_costs = requires(Comm& world) {
    { world.costs() } -> std::convertible_to<alpha_beta_gamma>;
};

namespace detail {

/// The middle of some times. Not of none.
inline double median(std::vector<double> times) {
    auto const middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
    std::nth_element(times.begin(), middle, times.end());
    return *middle;
}

/// The seconds that `work` takes, the median of a few times.
template <class Work>
double median_seconds(int turns, Work work) {
    using clock = std::chrono::steady_clock;
    work();
    std::vector<double> times;
    for (int turn = 0; turn < turns; ++turn) {
        auto const start = clock::now();
        work();
        times.push_back(std::chrono::duration<double>(clock::now() - start).count());
    }
    return median(std::move(times));
}

}  // namespace detail

/// What messages cost on this communicator: ranks 0 and 1 play ping-pong with a small and a large message, rank 0 folds floats.
/// Equal on all ranks; without a second rank, messages cost nothing. Collective.
/// @throws peer_failed, timeout_error
/// Cost:   some milliseconds: 400 messages of 8 bytes and 20 of 1 MiB
template <communicator Comm>
[[nodiscard]] alpha_beta_gamma measure_costs(Comm& world) {
    constexpr std::size_t few = 2, many = (std::size_t{1} << 20) / sizeof(float);
    std::vector<float> data(world.rank() < 2 ? many : 0, 1.0f);
    alpha_beta_gamma found;
    if (world.size() > 1 && world.rank() < 2) {
        auto one_way = [&](std::size_t count, int turns) {
            std::span const part{data.data(), count};
            return detail::median_seconds(turns, [&] {
                if (world.rank() == 0) send(world, part, 1);
                receive(world, part, 1 - world.rank());
                if (world.rank() == 1) send(world, part, 0);
            }) / 2;
        };
        double const small = one_way(few, 200), large = one_way(many, 10);
        found.beta = std::max(0.0, (large - small) / static_cast<double>((many - few) * sizeof(float)));
        found.alpha = std::max(0.0, small - found.beta * static_cast<double>(few * sizeof(float)));
    }
    if (world.rank() == 0) {
        constexpr std::size_t folded = many / 2;  // one half into the other
        std::plus<> const operation;
        auto* const out = reinterpret_cast<std::byte*>(data.data());
        std::array<std::byte const*, 2> const in{out, out + folded * sizeof(float)};
        double const seconds = detail::median_seconds(
            10, [&] { reduction_of<float, std::plus<>>.fold(&operation, &out, 1, in.data(), 2, 0, folded); });
        found.gamma = seconds / static_cast<double>(folded * sizeof(float));
    }
    return broadcast(world, found, 0);
}

}  // namespace tutti
