#pragma once

#include <tutti/collectives/algorithm/direct.hpp>
#include <tutti/collectives/schedule.hpp>

#include <cstddef>
#include <utility>

namespace tutti::algorithm {

/// Every rank sends all it has to every other at once, and folds what it got by itself. For short messages and few ranks.
/// Cost:   alpha + (p-1) n beta [+ (p-1) n gamma, and room for p n]
/// Order:  rank order, ((r0 + r1) + r2) + ..., as the naive fold
/// Source: the naive algorithm; there is nothing faster where a message costs more than its bytes
struct one_shot {
    static constexpr algorithm_id id = algorithm_id::one_shot;
    static constexpr bool makes(collective kind) { return kind == collective::all_reduce || kind == collective::all_gather; }
    static constexpr bool keeps_order = true;

    static constexpr rank_schedule steps(schedule_shape const& shape, int rank) {
        rank_schedule mine;
        bool const folds = shape.kind == collective::all_reduce;
        auto slot = [&](int of) {
            return place{folds ? memory::scratch : memory::out, static_cast<std::size_t>(of) * shape.count};
        };
        if (folds) mine.scratch = slot(shape.size).first;
        mine.local(0, slot(rank), {memory::in, 0}, shape.count);
        detail::all_at_once(
            mine, 1, shape.size, rank, [&](int) { return std::pair{place{memory::in, 0}, shape.count}; },
            [&](int peer) { return std::pair{slot(peer), shape.count}; });
        if (folds) detail::fold_room(mine, 2, {memory::out, 0}, shape.size, shape.count);
        return mine;
    }
};

}  // namespace tutti::algorithm
