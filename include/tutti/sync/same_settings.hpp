#pragma once

#include <tutti/collectives/all_gather.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <array>
#include <cstddef>
#include <vector>

namespace tutti::sync::detail {

/// Compares a policy's settings between ranks. Collective.
/// @param policy  its name: "every_n_steps"
/// @param names   of the settings
/// @throws usage_error  on every rank, when one of them differs
/// Cost:   one all_gather of the settings
template <class Comm, class Number, std::size_t N>
void require_same_settings(Comm& world, char const* policy, std::array<char const*, N> const& names,
                           std::array<Number, N> const& mine) {
    std::vector<Number> all(N * static_cast<std::size_t>(world.size()));
    tutti::all_gather(world, mine, all);
    for (std::size_t k = N; k < all.size(); ++k)
        if (all[k] != all[k % N])
            tutti::detail::raise<usage_error>({"tutti: sync::", policy, ": ", names[k % N], " is ", all[k % N],
                                               " on rank 0 and ", all[k], " on rank ", k / N});
}

}  // namespace tutti::sync::detail
