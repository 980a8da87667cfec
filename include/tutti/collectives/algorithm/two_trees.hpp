#pragma once

#include <array>
#include <cstddef>
#include <vector>

namespace tutti::algorithm::detail {

/// Two binary trees over nodes 1 ... n below node 0, such that no node but 0 has children in both. An edge of both has one of
/// two colours: a node's two incoming edges differ in it, and so do its outgoing ones. A node that serves edges of one colour in
/// even rounds and of the other in odd ones sends and receives one message a round.
/// Cost:   n log n time, n room
/// Source: Sanders, Speck and Traeff 2009, doi 10.1016/j.parco.2009.09.001
template <class = void>
class two_trees {
public:
    explicit constexpr two_trees(int nodes) : nodes_{nodes} {
        auto const room = static_cast<std::size_t>(nodes) + 1;
        colours_.assign(room, -1);
        for (int tree = 0; tree < 2; ++tree) {
            children_[tree].assign(room, {0, 0});
            for (int node = 1; node <= nodes; ++node) {
                auto& [one, other] = children_[tree][at(parent(tree, node))];
                (one == 0 ? one : other) = node;
            }
        }
        // Siblings differ in colour, which leaves the choice of one node's colour for each chain of them.
        std::vector<int> open(1, 0);
        auto paint = [&](int node, int colour) {
            if (node == 0 || colours_[at(node)] >= 0) return;
            colours_[at(node)] = colour;
            open.push_back(node);
        };
        for (int node = 1; node <= nodes; ++node) {
            paint(node, 0);
            while (open.size() > 1) {
                int const next = open.back(), colour = colours_[at(next)];
                open.pop_back();
                for (int tree = 0; tree < 2; ++tree) {
                    int const above = parent(tree, next);
                    for (int const sibling : children(tree, above))
                        if (sibling != next) paint(sibling, 1 - colour);
                    if (above == 0) paint(children(1 - tree, 0)[0], colour);  // node 0's outgoing edges are one of each tree
                }
            }
        }
    }

    constexpr int nodes() const { return nodes_; }

    constexpr int parent(int tree, int node) const {
        if (tree == 0) return in_order(node);
        if (nodes_ % 2 == 0) {  // the first tree seen in a mirror
            int const above = in_order(nodes_ + 1 - node);
            return above == 0 ? 0 : nodes_ + 1 - above;
        }
        int const above = in_order(node % nodes_ + 1);  // the first tree moved on by one
        return above == 0 ? 0 : (above + nodes_ - 2) % nodes_ + 1;
    }

    /// Up to two; 0 where there is none.
    constexpr std::array<int, 2> const& children(int tree, int node) const { return children_[tree][at(node)]; }

    /// The first round in which the edge from a node's parent may carry something; it may again in every second one after it.
    constexpr int first_round(int tree, int node) const {
        int const above = parent(tree, node);
        if (above == 0) return colour(tree, node);
        return first_round(tree, above) + (colour(tree, above) == colour(tree, node) ? 2 : 1);
    }

private:
    static constexpr std::size_t at(int node) { return static_cast<std::size_t>(node); }

    constexpr int colour(int tree, int node) const { return tree == 0 ? colours_[at(node)] : 1 - colours_[at(node)]; }

    /// The parent in the tree that in-order numbering makes: odd nodes are leaves.
    constexpr int in_order(int node) const {
        int const lowest = node & -node, above = (node ^ lowest) | (2 * lowest);
        return above <= nodes_ ? above : node ^ lowest;
    }

    int nodes_;
    std::vector<std::array<int, 2>> children_[2]{};
    std::vector<int> colours_{};  // of the edge from the first tree's parent
};

}  // namespace tutti::algorithm::detail
