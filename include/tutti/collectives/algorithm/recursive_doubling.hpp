#pragma once

#include <tutti/collectives/algorithm/folded.hpp>
#include <tutti/collectives/schedule.hpp>

namespace tutti::algorithm {

/// Ranks exchange all they have with partners at distance 1, 2, 4, ... For short messages.
/// Cost:   L (alpha + n beta + n gamma); for p other than 2^k two more messages on the ranks that fold in first
/// Order:  rank order
/// Source: Thakur, Rabenseifner and Gropp 2005, doi 10.1177/1094342005051521, section 4.4
struct recursive_doubling {
    static constexpr algorithm_id id = algorithm_id::recursive_doubling;
    static constexpr bool makes(collective kind) { return kind == collective::all_reduce; }
    static constexpr bool keeps_order = true;

    static constexpr rank_schedule steps(schedule_shape const& shape, int rank) {
        rank_schedule mine;
        mine.scratch = shape.count;
        detail::folded const group{shape.size, rank};
        int round = group.fold_in(mine, shape.count);
        if (group.takes_part())
            for (int mask = 1; mask < group.size(); mask *= 2, round += 2) {
                int const partner = group.number() ^ mask;
                mine.send(round, group.rank_of(partner), {memory::out, 0}, shape.count);
                mine.receive(round, group.rank_of(partner), {memory::scratch, 0}, shape.count);
                mine.local(round + 1, {memory::out, 0}, {memory::scratch, 0}, shape.count,
                           partner < group.number() ? step::action::before : step::action::after);
            }
        group.fold_out(mine, shape.count, round);
        return mine;
    }
};

}  // namespace tutti::algorithm
