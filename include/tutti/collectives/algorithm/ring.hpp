#pragma once

#include <tutti/collectives/schedule.hpp>

#include <cstddef>

namespace tutti::algorithm {

/// Parts travel a ring of the ranks, each passing on what it has just received.
/// Cost:   all_reduce 2(p-1) alpha + 2(p-1)/p n beta + (p-1)/p n gamma; reduce_scatter and all_gather half of the transfers
/// Order:  a part is folded in ring order, beginning at another rank for each: only for operations that commute
/// Source: Patarasuk and Yuan 2009, doi 10.1016/j.jpdc.2008.09.002
struct ring {
    static constexpr algorithm_id id = algorithm_id::ring;
    static constexpr bool makes(collective kind) {
        return kind == collective::all_reduce || kind == collective::reduce_scatter || kind == collective::all_gather;
    }
    static constexpr bool keeps_order = false;

    static constexpr rank_schedule steps(schedule_shape const& shape, int rank) {
        rank_schedule mine;
        int const p = shape.size, right = (rank + 1) % p, left = (rank + p - 1) % p;
        auto part = [&](int k) { return ((rank + k) % p + p) % p; };
        bool const whole = shape.kind == collective::all_reduce;
        auto begin = [&](int k) {
            return whole ? tutti::detail::cut(shape.count, k, p) : static_cast<std::size_t>(k) * shape.count;
        };
        auto length = [&](int k) { return begin(k + 1) - begin(k); };
        int round = 0;

        // The running sums: all of `out` for an all-reduce; room of their own for a reduce-scatter, whose output is one part.
        memory const sums = whole ? memory::out : memory::scratch;
        if (shape.kind == collective::all_gather) {
            mine.local(round++, {memory::out, begin(rank)}, {memory::in, 0}, shape.count);
        } else {
            std::size_t const all = whole ? shape.count : shape.count * static_cast<std::size_t>(p);
            if (!whole) mine.scratch = all;
            mine.local(round++, {sums, 0}, {memory::in, 0}, all);
            // Part k starts at rank k + 1, so that it is complete at rank k.
            for (int s = 1; s < p; ++s, ++round) {
                mine.send(round, right, {sums, begin(part(-s))}, length(part(-s)));
                mine.receive(round, left, {sums, begin(part(-s - 1))}, length(part(-s - 1)), step::action::receive_before);
            }
        }
        if (shape.kind == collective::reduce_scatter) {
            mine.local(round, {memory::out, 0}, {sums, begin(rank)}, shape.count);
            return mine;
        }
        for (int s = 0; s < p - 1; ++s, ++round) {
            mine.send(round, right, {memory::out, begin(part(-s))}, length(part(-s)));
            mine.receive(round, left, {memory::out, begin(part(-s - 1))}, length(part(-s - 1)));
        }
        return mine;
    }
};

}  // namespace tutti::algorithm
