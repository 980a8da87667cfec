#pragma once

#include <tutti/concepts/communicator.hpp>
#include <tutti/concepts/synchronisation.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <algorithm>
#include <cstddef>

namespace tutti::partition {

/// The columns of a weight matrix that one rank of a group owns: consecutive ones, the first count % ranks ranks one more than the
/// others. Columns are what a layer gives: those of w in y = x w, with a row per sample; its rows, where weights are written w x.
/// Every column is one rank's. Pure: any rank knows any rank's.
/// @param  count  of the whole matrix; may be less than ranks: some then own none
/// @throws usage_error  when `rank` is none of `ranks`
constexpr slice columns(std::size_t count, int rank, int ranks) {
    if (rank < 0 || rank >= ranks)
        tutti::detail::raise<usage_error>({"tutti: partition: there is no rank ", rank, " in a group of ", ranks});
    auto const all = static_cast<std::size_t>(ranks), me = static_cast<std::size_t>(rank);
    auto const first = [&](std::size_t k) { return k * (count / all) + std::min(k, count % all); };
    return {first(me), first(me + 1)};
}

/// Those of this rank of the group. Local.
template <ranked Group>
constexpr slice columns(std::size_t count, Group const& group) {
    return columns(count, group.rank(), group.size());
}

}  // namespace tutti::partition
