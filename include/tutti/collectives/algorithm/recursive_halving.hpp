#pragma once

#include <tutti/collectives/algorithm/folded.hpp>
#include <tutti/collectives/schedule.hpp>

#include <cstddef>
#include <utility>

namespace tutti::algorithm {

/// Ranks give partners at distance 1, 2, 4, ... the half of their parts that the partner goes on summing.
/// Parts lie in room with the bits of their numbers mirrored, so that each partner's half is one run and neighbours fold first.
/// Cost:   L alpha + (p-1)/p n beta + (p-1)/p n gamma for n bytes of input, and one copy of them; for p other than 2^k two more
///         messages, one of n, on the ranks that fold in first
/// Order:  rank order
/// Source: Thakur, Rabenseifner and Gropp 2005, doi 10.1177/1094342005051521, section 4.3; mirrored: Traeff 2005,
///         doi 10.1007/11557265_20
struct recursive_halving {
    static constexpr algorithm_id id = algorithm_id::recursive_halving;
    static constexpr bool makes(collective kind) { return kind == collective::reduce_scatter; }
    static constexpr bool keeps_order = true;

    static constexpr rank_schedule steps(schedule_shape const& shape, int rank) {
        rank_schedule mine;
        detail::folded const group{shape.size, rank};
        auto elements = [&](int parts) { return static_cast<std::size_t>(parts) * shape.count; };
        auto width = [&](int number) { return elements(group.first(number + 1) - group.first(number)); };
        auto begin = [&](int position) {  // in room
            std::size_t at = 0;
            for (int k = 0; k < position; ++k) at += width(mirrored(k, group.size()));
            return at;
        };
        std::size_t const all = elements(shape.size);
        mine.scratch = all;
        std::size_t at = 0;
        for (int k = 0; k < group.size(); ++k) {
            int const number = mirrored(k, group.size());
            mine.local(0, {memory::scratch, at}, {memory::in, elements(group.first(number))}, width(number));
            at += width(number);
        }
        int round = 1;
        int const stands_for = group.rank_of(group.number()) - group.first(group.number());  // 1 or no rank besides itself
        if (stands_for != 0) {
            if (group.takes_part()) mine.receive(round, rank - 1, {memory::scratch, 0}, all, step::action::receive_before);
            else mine.send(round, rank + 1, {memory::scratch, 0}, all);
        }
        ++round;
        int low = 0, high = group.size();  // the positions this rank still sums
        for (int mask = 1; mask < group.size(); mask *= 2, ++round) {
            if (!group.takes_part()) continue;
            int const partner = group.rank_of(group.number() ^ mask), middle = (low + high) / 2;
            bool const upper = (group.number() & mask) != 0;
            auto const [give, give_end] = upper ? std::pair{low, middle} : std::pair{middle, high};
            (upper ? low : high) = middle;
            mine.send(round, partner, {memory::scratch, begin(give)}, begin(give_end) - begin(give));
            mine.receive(round, partner, {memory::scratch, begin(low)}, begin(high) - begin(low),
                         upper ? step::action::receive_before : step::action::receive_after);
        }
        if (!group.takes_part()) {
            mine.receive(round, rank + 1, {memory::out, 0}, shape.count);
            return mine;
        }
        std::size_t const result = begin(low);
        if (stands_for != 0) mine.send(round, rank - 1, {memory::scratch, result}, shape.count);
        mine.local(round + 1, {memory::out, 0}, {memory::scratch, result + elements(stands_for)}, shape.count);
        return mine;
    }

private:
    /// `number`, below `size`, a power of two, with its bits the other way round.
    static constexpr int mirrored(int number, int size) {
        int other = 0;
        for (int low = 1, high = size / 2; high > 0; low *= 2, high /= 2)
            if ((number & low) != 0) other |= high;
        return other;
    }
};

}  // namespace tutti::algorithm
