#pragma once

#include <tutti/collectives/schedule.hpp>

#include <cstddef>
#include <vector>

namespace tutti::algorithm {

/// A reduce-scatter and an all-gather over a circulant graph: in each round a rank exchanges with the ranks at one distance, and
/// the distances halve, rounded up. Optimal in rounds and bytes for any p, which must not be a power of two for once.
/// Cost:   all_reduce 2L alpha + 2(p-1)/p n beta + (p-1)/p n gamma; reduce_scatter and all_gather half of the transfers
/// Order:  parts are folded in circular order: only for operations that commute
/// Source: Traeff 2024, arXiv:2410.14234, algorithms 1 and 2
struct circulant {
    static constexpr algorithm_id id = algorithm_id::circulant;
    static constexpr bool makes(collective kind) {
        return kind == collective::all_reduce || kind == collective::reduce_scatter || kind == collective::all_gather;
    }
    static constexpr bool keeps_order = false;

    static constexpr rank_schedule steps(schedule_shape const& shape, int rank) {
        rank_schedule mine;
        int const p = shape.size;
        bool const whole = shape.kind == collective::all_reduce;
        // Room holds the parts in circular order, this rank's first: part i of the room is part rank + i of the whole.
        auto whole_begin = [&](int k) {
            return whole ? tutti::detail::cut(shape.count, k, p) : static_cast<std::size_t>(k) * shape.count;
        };
        auto length = [&](int k) { return whole_begin(k % p + 1) - whole_begin(k % p); };
        auto place_of = [&](int of_rank, int i) {  // where part i of that rank's room begins
            std::size_t at = 0;
            for (int k = 0; k < i; ++k) at += length(of_rank + k);
            return at;
        };
        auto run = [&](int of_rank, int i, int n) { return place_of(of_rank, i + n) - place_of(of_rank, i); };
        std::size_t const all = place_of(rank, p);
        mine.scratch = all;
        std::vector<int> skips;  // p = s0 > s1 > ... > 1
        for (int s = p; s > 1; s = (s + 1) / 2) skips.push_back(s);
        skips.push_back(1);
        int round = 0;

        auto turn = [&](bool into_room) {
            std::size_t const head = run(rank, 0, p - rank), tail = all - head;
            memory const other = into_room ? memory::in : memory::out;
            place const room_head{memory::scratch, 0}, room_tail{memory::scratch, head}, head_at{other, tail}, tail_at{other, 0};
            mine.local(round, into_room ? room_head : head_at, into_room ? head_at : room_head, head);
            mine.local(round++, into_room ? room_tail : tail_at, into_room ? tail_at : room_tail, tail);
        };

        if (shape.kind == collective::all_gather) mine.local(round++, {memory::scratch, 0}, {memory::in, 0}, shape.count);
        else turn(true);
        if (shape.kind != collective::all_gather)
            for (std::size_t k = 1; k < skips.size(); ++k, ++round) {
                int const s = skips[k], n = skips[k - 1] - s;  // parts s .. s + n - 1 go to the rank s further on
                int const to = (rank + s) % p, from = (rank + p - s) % p;
                mine.send(round, to, {memory::scratch, place_of(rank, s)}, run(rank, s, n));
                mine.receive(round, from, {memory::scratch, 0}, run(rank, 0, n), step::action::receive_before);
            }
        if (shape.kind == collective::reduce_scatter) {
            mine.local(round, {memory::out, 0}, {memory::scratch, 0}, shape.count);
            return mine;
        }
        for (std::size_t k = skips.size() - 1; k > 0; --k, ++round) {
            int const s = skips[k], n = skips[k - 1] - s;
            int const to = (rank + p - s) % p, from = (rank + s) % p;
            mine.send(round, to, {memory::scratch, 0}, run(rank, 0, n));
            mine.receive(round, from, {memory::scratch, place_of(rank, s)}, run(rank, s, n));
        }
        turn(false);
        return mine;
    }
};

}  // namespace tutti::algorithm
