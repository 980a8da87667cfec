#pragma once

#include <tutti/collectives/schedule.hpp>

#include <cstddef>

namespace tutti::algorithm {

/// A tree of depth L over the ranks, cut in halves again and again; each half is led by the root, or else by its first rank.
/// A half's ranks are neighbours, so partial results join in rank order whatever the root.
/// Cost:   broadcast and reduce L (alpha + n beta [+ n gamma]); gather and scatter L alpha + (p-1) n beta on the root
/// Order:  rank order
/// Source: the binomial tree of Thakur, Rabenseifner and Gropp 2005, doi 10.1177/1094342005051521, for any root
struct binomial {
    static constexpr algorithm_id id = algorithm_id::binomial;
    static constexpr bool makes(collective kind) {
        return kind == collective::broadcast || kind == collective::reduce || kind == collective::gather ||
               kind == collective::scatter;
    }
    static constexpr bool keeps_order = true;

    static constexpr rank_schedule steps(schedule_shape const& shape, int rank) {
        rank_schedule mine;
        bool const root = rank == shape.root;
        auto const ranks = static_cast<std::size_t>(shape.size), me = static_cast<std::size_t>(rank);
        switch (shape.kind) {
        case collective::reduce:
            if (!root) mine.scratch = shape.count;
            mine.local(0, {root ? memory::out : memory::scratch, 0}, {memory::in, 0}, shape.count);
            break;
        case collective::gather:
            if (!root) mine.scratch = shape.count * ranks;
            mine.local(0, {root ? memory::out : memory::scratch, me * shape.count}, {memory::in, 0}, shape.count);
            break;
        case collective::scatter:
            mine.scratch = shape.count * ranks;
            if (root) mine.local(0, {memory::scratch, 0}, {memory::in, 0}, shape.count * ranks);
            break;
        default:
            break;
        }
        descend(shape, mine, rank, 0, shape.size, shape.root, depth(shape.size), depth(shape.size));
        if (shape.kind == collective::scatter)
            mine.local(depth(shape.size) + 1, {memory::out, 0}, {memory::scratch, me * shape.count}, shape.count);
        return mine;
    }

private:
    static constexpr int depth(int size) {
        int levels = 0;
        for (int reach = 1; reach < size; reach *= 2) ++levels;
        return levels;
    }

    /// The steps of `rank` within [low, high), which `leader` leads, `levels` above the leaves.
    static constexpr void descend(schedule_shape const& shape, rank_schedule& mine, int rank, int low, int high, int leader,
                                  int levels, int all) {
        if (high - low < 2) return;
        int const middle = low + (high - low + 1) / 2;
        bool const leader_low = leader < middle;
        int const other = leader_low ? middle : low;  // leads the half without the leader
        bool const in_low = rank < middle, downward = shape.kind == collective::broadcast || shape.kind == collective::scatter;
        auto inner = [&] {
            descend(shape, mine, rank, in_low ? low : middle, in_low ? middle : high, in_low == leader_low ? leader : other,
                    levels - 1, all);
        };
        auto joint = [&] {
            if (rank != leader && rank != other) return;
            int const round = 1 + (downward ? all - levels : levels - 1), peer = rank == leader ? other : leader;
            bool const sends = downward == (rank == leader);
            int const first = leader_low ? middle : low, last = leader_low ? high : middle;
            bool const parts = shape.kind == collective::gather || shape.kind == collective::scatter;
            memory const where = shape.kind == collective::broadcast || (rank == shape.root && shape.kind != collective::scatter)
                                     ? memory::out
                                     : memory::scratch;
            place const at{where, parts ? static_cast<std::size_t>(first) * shape.count : 0};
            std::size_t const count = parts ? static_cast<std::size_t>(last - first) * shape.count : shape.count;
            if (sends) mine.send(round, peer, at, count);
            else if (shape.kind != collective::reduce) mine.receive(round, peer, at, count);
            else mine.receive(round, peer, at, count, leader_low ? step::action::receive_after : step::action::receive_before);
        };
        if (downward) joint(), inner();
        else inner(), joint();
    }
};

}  // namespace tutti::algorithm
