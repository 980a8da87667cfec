#pragma once

#include <tutti/collectives/algorithm/direct.hpp>
#include <tutti/collectives/schedule.hpp>

#include <cstddef>
#include <utility>

namespace tutti::algorithm {

/// Every rank sends each other its part at once, folds the part that is its own, and sends that to all at once.
/// Cost:   all_reduce 2 alpha + 2(p-1)/p n beta + (p-1)/p n gamma, and room for n; reduce_scatter the first half, all_gather the
///         second
/// Order:  rank order, ((r0 + r1) + r2) + ..., as the naive fold
/// Source: the direct reduce-scatter and all-gather, for links between every two ranks
struct two_shot {
    static constexpr algorithm_id id = algorithm_id::two_shot;
    static constexpr bool makes(collective kind) {
        return kind == collective::all_reduce || kind == collective::reduce_scatter || kind == collective::all_gather;
    }
    static constexpr bool keeps_order = true;

    static constexpr rank_schedule steps(schedule_shape const& shape, int rank) {
        rank_schedule mine;
        int const p = shape.size;
        bool const whole = shape.kind == collective::all_reduce;
        auto part = [&](memory where, int k) {
            auto begin = [&](int i) {
                return whole ? tutti::detail::cut(shape.count, i, p) : static_cast<std::size_t>(i) * shape.count;
            };
            return std::pair{place{where, begin(k)}, begin(k + 1) - begin(k)};
        };
        if (shape.kind == collective::all_gather) {
            mine.local(0, part(memory::out, rank).first, {memory::in, 0}, shape.count);
            detail::all_at_once(
                mine, 1, p, rank, [&](int) { return std::pair{place{memory::in, 0}, shape.count}; },
                [&](int peer) { return part(memory::out, peer); });
            return mine;
        }
        auto const [own, length] = part(memory::in, rank);
        auto slot = [&, length = length](int of) { return place{memory::scratch, static_cast<std::size_t>(of) * length}; };
        mine.scratch = slot(p).first;
        mine.local(0, slot(rank), own, length);
        detail::all_at_once(
            mine, 1, p, rank, [&](int peer) { return part(memory::in, peer); },
            [&, length = length](int peer) { return std::pair{slot(peer), length}; });
        detail::fold_room(mine, 2, {memory::out, whole ? own.first : 0}, p, length);
        if (whole)
            detail::all_at_once(
                mine, p + 2, p, rank, [&](int) { return part(memory::out, rank); },
                [&](int peer) { return part(memory::out, peer); });
        return mine;
    }
};

}  // namespace tutti::algorithm
