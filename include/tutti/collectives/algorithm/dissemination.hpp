#pragma once

#include <tutti/collectives/schedule.hpp>

namespace tutti::algorithm {

/// In round k every rank sends a token to the rank 2^k after it, and so hears of twice as many ranks as before.
/// Cost:   L alpha, for any p
/// Source: Hensgen, Finkel and Manber 1988, doi 10.1007/BF01379320
struct dissemination {
    static constexpr algorithm_id id = algorithm_id::dissemination;
    static constexpr bool makes(collective kind) { return kind == collective::barrier; }
    static constexpr bool keeps_order = true;

    static constexpr rank_schedule steps(schedule_shape const& shape, int rank) {
        rank_schedule mine;
        int const p = shape.size;
        mine.scratch = 1;
        int round = 0;
        for (int distance = 1; distance < p; distance *= 2, ++round) {
            mine.send(round, (rank + distance) % p, {memory::in, 0}, 1);
            mine.receive(round, (rank + p - distance) % p, {memory::scratch, 0}, 1);
        }
        return mine;
    }
};

}  // namespace tutti::algorithm
