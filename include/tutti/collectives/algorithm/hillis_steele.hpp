#pragma once

#include <tutti/collectives/schedule.hpp>

namespace tutti::algorithm {

/// In round k every rank adds what the rank 2^k before it holds; after L rounds it holds the fold of all before it.
/// Cost:   L (alpha + n beta + n gamma), one round more for an exclusive scan
/// Order:  rank order
/// Source: Hillis and Steele 1986, doi 10.1145/7902.7903
struct hillis_steele {
    static constexpr algorithm_id id = algorithm_id::hillis_steele;
    static constexpr bool makes(collective kind) { return kind == collective::scan || kind == collective::exclusive_scan; }
    static constexpr bool keeps_order = true;

    static constexpr rank_schedule steps(schedule_shape const& shape, int rank) {
        rank_schedule mine;
        mine.scratch = shape.count;
        place const sum{memory::out, 0}, sent{memory::scratch, 0};
        // An exclusive scan is the scan of what the rank before brings, over all ranks but the first.
        bool const exclusive = shape.kind == collective::exclusive_scan;
        int const first = exclusive ? 1 : 0;
        int round = 0;
        if (exclusive) {
            mine.local(round++, sent, {memory::in, 0}, shape.count);
            if (rank + 1 < shape.size) mine.send(round, rank + 1, sent, shape.count);
            if (rank > 0) mine.receive(round, rank - 1, sum, shape.count);
            ++round;
        } else {
            mine.local(round++, sum, {memory::in, 0}, shape.count);
        }
        if (rank < first) return mine;
        for (int distance = 1; first + distance < shape.size; distance *= 2, round += 2) {
            bool const sends = rank + distance < shape.size, receives = rank - distance >= first;
            if (sends) mine.local(round, sent, sum, shape.count);
            if (sends) mine.send(round + 1, rank + distance, sent, shape.count);
            if (receives) mine.receive(round + 1, rank - distance, sum, shape.count, step::action::receive_before);
        }
        return mine;
    }
};

}  // namespace tutti::algorithm
