#pragma once

#include <tutti/concepts/synchronisation.hpp>

#include <algorithm>
#include <cstddef>

namespace tutti::sync::detail {

/// The part of `count` parameters that `rank` owns where all are divided. Shards are equal but for the last ones, and begin on
/// whole cache lines of numbers that do.
inline slice shard_of(std::size_t count, int rank, int size) {
    auto const ranks = static_cast<std::size_t>(size), me = static_cast<std::size_t>(rank);
    std::size_t const each = ((count + ranks - 1) / ranks + 15) / 16 * 16;
    return {std::min(count, me * each), std::min(count, (me + 1) * each)};
}

}  // namespace tutti::sync::detail
