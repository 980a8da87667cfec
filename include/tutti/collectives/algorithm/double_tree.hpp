#pragma once

#include <tutti/collectives/algorithm/parameter.hpp>
#include <tutti/collectives/algorithm/two_trees.hpp>
#include <tutti/collectives/schedule.hpp>
#include <tutti/detail/least_standard.hpp>

#include <cstddef>
#include <cstdint>

namespace tutti::algorithm {

/// Each half of the message, in k segments, travels its own binary tree; a rank that has children in one tree is a leaf in the
/// other, so that all ranks send and receive all the time. An all-reduce reduces to rank 0 and broadcasts from there.
/// Cost:   broadcast and reduce (2L+2k) (alpha + n/(2k) beta [+ n/(2k) gamma]), best for k = sqrt(beta n L / (2 alpha)); all_reduce
///         both
/// Order:  subtrees are folded as they arrive: only for operations that commute
/// Source: Sanders, Speck and Traeff 2009, doi 10.1016/j.parco.2009.09.001
struct double_tree {
    static constexpr algorithm_id id = algorithm_id::double_tree;
    static constexpr bool makes(collective kind) {
        return kind == collective::broadcast || kind == collective::reduce || kind == collective::all_reduce;
    }
    static constexpr bool keeps_order = false;

    int segments = 8;  ///< of each half, >= 1, equal on all ranks

    constexpr std::uint64_t settings() const { return static_cast<std::uint64_t>(segments); }

    /// @throws usage_error  if there are less segments than 1
    template <class = void>
    constexpr rank_schedule steps(schedule_shape const& shape, int rank) const {
        rank_schedule mine;
        detail::positive("segments of double_tree", segments);
        bool const up = shape.kind != collective::broadcast, down = shape.kind != collective::reduce;
        int const root = up && down ? 0 : shape.root;
        memory const where = down || rank == root ? memory::out : memory::scratch;
        if (where == memory::scratch) mine.scratch = shape.count;
        if (up) mine.local(0, {where, 0}, {memory::in, 0}, shape.count);

        detail::two_trees<> const trees{shape.size - 1};
        int rounds = 0;
        for (int tree = 0; tree < 2; ++tree)
            for (int node = 1; node <= trees.nodes(); ++node)
                rounds = std::max(rounds, trees.first_round(tree, node) + 2 * segments - 1);
        if (up)
            for (int k = 0; k < rounds; ++k) travel(mine, trees, shape.count, {root, rank, where, true}, rounds - 1 - k, 1 + k);
        if (down)
            for (int k = 0; k < rounds; ++k)
                travel(mine, trees, shape.count, {root, rank, where, false}, k, (up ? 1 + rounds : 0) + k);
        return mine;
    }

private:
    struct way {
        int root, rank;
        memory where;
        bool up;
    };

    /// What this rank does in round `time` of a broadcast, or undoes in a reduction, put into round `round`.
    template <class = void>
    constexpr void travel(rank_schedule& mine, detail::two_trees<> const& trees, std::size_t count, way const& go, int time,
                          int round) const {
        // The root is node 0, the others are numbered as they come.
        int const self = go.rank == go.root ? 0 : go.rank < go.root ? go.rank + 1 : go.rank;
        auto rank_of = [&](int node) { return node == 0 ? go.root : node <= go.root ? node - 1 : node; };
        for (int tree = 0; tree < 2; ++tree) {
            std::size_t const half = tutti::detail::cut(count, tree, 2), size = tutti::detail::cut(count, tree + 1, 2) - half;
            auto edge = [&](int node) {
                int const late = time - trees.first_round(tree, node);
                if (late < 0 || late % 2 != 0 || late / 2 >= segments) return;
                std::size_t const first = tutti::detail::cut(size, late / 2, segments);
                place const at{go.where, half + first};
                std::size_t const length = tutti::detail::cut(size, late / 2 + 1, segments) - first;
                int const peer = rank_of(node == self ? trees.parent(tree, node) : node);
                if ((node == self) == go.up) mine.send(round, peer, at, length);
                else mine.receive(round, peer, at, length, go.up ? step::action::receive_after : step::action::receive);
            };
            if (self != 0) edge(self);
            for (int const child : trees.children(tree, self))
                if (child != 0) edge(child);
        }
    }
};

}  // namespace tutti::algorithm
