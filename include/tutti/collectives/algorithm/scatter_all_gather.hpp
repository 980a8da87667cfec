#pragma once

#include <tutti/collectives/schedule.hpp>

#include <cstddef>

namespace tutti::algorithm {

/// The root cuts its message into p parts and scatters them down a binomial tree; then parts travel a ring. For long messages.
/// Cost:   (L+p-1) alpha + 2(p-1)/p n beta
/// Source: van de Geijn in Barnett et al. 1994, doi 10.1109/SHPCC.1994.296665; Thakur, Rabenseifner and Gropp 2005, section 4.2
struct scatter_all_gather {
    static constexpr algorithm_id id = algorithm_id::scatter_all_gather;
    static constexpr bool makes(collective kind) { return kind == collective::broadcast; }
    static constexpr bool keeps_order = true;

    static constexpr rank_schedule steps(schedule_shape const& shape, int rank) {
        rank_schedule mine;
        int const p = shape.size;
        auto begin = [&](int part) { return tutti::detail::cut(shape.count, part, p); };
        int round = 0;
        // [low, high) are ranks, and the parts that `leader` has for them.
        int low = 0, high = p, leader = shape.root;
        for (int reach = 1; reach < p; reach *= 2, ++round) {
            if (high - low < 2) continue;
            int const middle = low + (high - low + 1) / 2;
            bool const leader_low = leader < middle;
            int const other = leader_low ? middle : low;
            place const half{memory::out, begin(leader_low ? middle : low)};
            std::size_t const count = begin(leader_low ? high : middle) - half.first;
            if (rank == leader) mine.send(round, other, half, count);
            if (rank == other) mine.receive(round, leader, half, count);
            bool const in_low = rank < middle;
            if (in_low != leader_low) leader = other;
            (in_low ? high : low) = middle;
        }
        int const right = (rank + 1) % p, left = (rank + p - 1) % p;
        for (int s = 0; s < p - 1; ++s, ++round) {
            int const out = (rank + p - s) % p, in = (left + p - s) % p;
            // The root has every part already.
            if (right != shape.root) mine.send(round, right, {memory::out, begin(out)}, begin(out + 1) - begin(out));
            if (rank != shape.root) mine.receive(round, left, {memory::out, begin(in)}, begin(in + 1) - begin(in));
        }
        return mine;
    }
};

}  // namespace tutti::algorithm
