#pragma once

#include <tutti/collectives/algorithm/embedded.hpp>
#include <tutti/collectives/algorithm/parameter.hpp>
#include <tutti/collectives/algorithm/ring.hpp>
#include <tutti/collectives/schedule.hpp>

#include <cstddef>
#include <cstdint>

namespace tutti::algorithm {

/// A message is cut into segments. A broadcast lets them follow one another along the chain of ranks that begins at the root;
/// an all-reduce sends one after the other round the ring, so that what a rank works on stays in its cache.
/// Cost:   broadcast (k+p-2) (alpha + n/k beta) for k segments; all_reduce 2k(p-1) alpha + 2(p-1)/p n beta + (p-1)/p n gamma
/// Order:  as in `ring`, for each segment: only for operations that commute
/// Source: the pipelined chain and the segmented ring of Pjesivac-Grbovic et al. 2007, doi 10.1007/s10586-007-0012-0
struct segmented_ring {
    static constexpr algorithm_id id = algorithm_id::segmented_ring;
    static constexpr bool makes(collective kind) { return kind == collective::broadcast || kind == collective::all_reduce; }
    static constexpr bool keeps_order = false;

    int segments = 8;  ///< >= 1, equal on all ranks

    constexpr std::uint64_t settings() const { return static_cast<std::uint64_t>(segments); }

    /// @throws usage_error  if there are less segments than 1
    constexpr rank_schedule steps(schedule_shape const& shape, int rank) const {
        rank_schedule mine;
        int const p = shape.size, k = detail::positive("segments of segmented_ring", segments);
        auto begin = [&](int segment) { return tutti::detail::cut(shape.count, segment, k); };
        auto length = [&](int segment) { return begin(segment + 1) - begin(segment); };
        if (shape.kind == collective::all_reduce) {
            for (int s = 0; s < k; ++s)
                detail::append(
                    mine, ring::steps({shape.kind, p, length(s), 0}, rank), [](int peer) { return peer; },
                    [&](place at) { return place{at.where, begin(s) + at.first}; });
            return mine;
        }
        int const distance = (rank + p - shape.root) % p;
        for (int round = 0; round < p + k - 2; ++round) {
            int const comes = round - distance + 1, goes = round - distance;
            if (distance > 0 && comes >= 0 && comes < k)
                mine.receive(round, (rank + p - 1) % p, {memory::out, begin(comes)}, length(comes));
            if (distance < p - 1 && goes >= 0 && goes < k)
                mine.send(round, (rank + 1) % p, {memory::out, begin(goes)}, length(goes));
        }
        return mine;
    }
};

}  // namespace tutti::algorithm
