#pragma once

#include <tutti/collectives/schedule.hpp>
#include <tutti/detail/least_standard.hpp>

#include <cstddef>

namespace tutti::algorithm {

/// Rank r gathers the parts of r, r + 1, ... by receiving all that a rank at distance 1, 2, 4, ... has, and turns them into place.
/// For short messages; any p in L rounds.
/// Cost:   L alpha + (p-1)/p n beta for n bytes in all, and one copy of them
/// Source: Bruck, Ho, Kipnis, Upfal and Weathersby 1997, doi 10.1109/71.642949
struct bruck {
    static constexpr algorithm_id id = algorithm_id::bruck;
    static constexpr bool makes(collective kind) { return kind == collective::all_gather; }
    static constexpr bool keeps_order = true;

    static constexpr rank_schedule steps(schedule_shape const& shape, int rank) {
        rank_schedule mine;
        int const p = shape.size;
        auto elements = [&](int parts) { return static_cast<std::size_t>(parts) * shape.count; };
        mine.scratch = elements(p);
        int round = 0;
        mine.local(round++, {memory::scratch, 0}, {memory::in, 0}, shape.count);
        for (int have = 1; have < p; have *= 2, ++round) {
            int const more = std::min(have, p - have);
            mine.send(round, (rank + p - have) % p, {memory::scratch, 0}, elements(more));
            mine.receive(round, (rank + have) % p, {memory::scratch, elements(have)}, elements(more));
        }
        mine.local(round, {memory::out, elements(rank)}, {memory::scratch, 0}, elements(p - rank));
        mine.local(round, {memory::out, 0}, {memory::scratch, elements(p - rank)}, elements(rank));
        return mine;
    }
};

}  // namespace tutti::algorithm
