#pragma once

#include <tutti/collectives/algorithm/folded.hpp>
#include <tutti/collectives/schedule.hpp>

#include <cstddef>
#include <utility>

namespace tutti::algorithm {

/// A reduce-scatter by recursive halving, then an all-gather by recursive doubling. For long messages.
/// Cost:   2L alpha + 2(p-1)/p n beta + (p-1)/p n gamma; for p other than 2^k two more messages on the ranks that fold in first
/// Order:  rank order
/// Source: Rabenseifner 2004, doi 10.1007/978-3-540-24685-5_1
struct rabenseifner {
    static constexpr algorithm_id id = algorithm_id::rabenseifner;
    static constexpr bool makes(collective kind) { return kind == collective::all_reduce; }
    static constexpr bool keeps_order = true;

    static constexpr rank_schedule steps(schedule_shape const& shape, int rank) {
        rank_schedule mine;
        detail::folded const group{shape.size, rank};
        int round = group.fold_in(mine, shape.count);
        if (group.takes_part()) {
            auto begin = [&](int part) { return tutti::detail::cut(shape.count, part, group.size()); };
            int low = 0, high = group.size();  // the parts this rank still sums
            for (int mask = 1; mask < group.size(); mask *= 2, ++round) {
                int const partner = group.number() ^ mask, middle = (low + high) / 2;
                bool const upper = (group.number() & mask) != 0;
                auto const [give, give_end] = upper ? std::pair{low, middle} : std::pair{middle, high};
                (upper ? low : high) = middle;
                mine.send(round, group.rank_of(partner), {memory::out, begin(give)}, begin(give_end) - begin(give));
                mine.receive(round, group.rank_of(partner), {memory::out, begin(low)}, begin(high) - begin(low),
                             upper ? step::action::receive_before : step::action::receive_after);
            }
            for (int mask = group.size() / 2; mask > 0; mask /= 2, ++round) {
                int const partner = group.number() ^ mask, parts = high - low;
                bool const upper = (group.number() & mask) != 0;
                int const other = upper ? low - parts : high;
                mine.send(round, group.rank_of(partner), {memory::out, begin(low)}, begin(high) - begin(low));
                mine.receive(round, group.rank_of(partner), {memory::out, begin(other)}, begin(other + parts) - begin(other));
                if (upper) low = other;
                else high = other + parts;
            }
        } else {
            for (int mask = 1; mask < group.size(); mask *= 2) round += 2;
        }
        group.fold_out(mine, shape.count, round);
        return mine;
    }
};

}  // namespace tutti::algorithm
