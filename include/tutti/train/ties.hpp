#pragma once

#include <tutti/collectives/all_reduce.hpp>
#include <tutti/collectives/messages.hpp>
#include <tutti/concepts/blocks.hpp>
#include <tutti/concepts/element_type.hpp>
#include <tutti/concepts/model.hpp>
#include <tutti/concepts/step_traffic.hpp>
#include <tutti/detail/copy_bytes.hpp>
#include <tutti/detail/hash.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>
#include <tutti/train/layers.hpp>
#include <tutti/train/stage.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace tutti::detail {

/// What the ranks do for parameters that are tied: of each tie this rank knows which stage has either end.
template <class Model>
class bound_ties {
public:
    /// @param cuts  the first layer of each stage, and the number of layers
    /// @throws usage_error  on every rank, when a tie names a layer that is none, or a block a second time
    bound_ties(std::vector<tie> const& ties, std::vector<std::size_t> const& cuts) : ties_{ties} {
        std::vector<parameter_block> named;
        for (tie const& each : ties_)
            for (auto const& [layer, block] : {each.first, each.second}) {
                if (layer >= Model::count) raise<usage_error>({"tutti: a tie names layer ", layer, " of ", Model::count});
                for (auto const& other : named)
                    if (other.layer == layer && other.block == block)
                        raise<usage_error>({"tutti: block ", block, " of layer ", layer, " is named twice in ties"});
                named.push_back({layer, block});
                owner_.push_back(static_cast<int>(std::upper_bound(cuts.begin(), cuts.end(), layer) - cuts.begin()) - 1);
            }
    }

    bool empty() const { return ties_.empty(); }
    /// Whether a block is the second of a tie: norms count what is tied once.
    bool is_second(std::size_t layer, std::size_t block) const {
        return std::any_of(ties_.begin(), ties_.end(),
                           [&](tie const& each) { return each.second.layer == layer && each.second.block == block; });
    }

    /// Looks whether both ends of every tie are blocks of the same length and type. Collective.
    /// @throws usage_error  on every rank
    template <class Comm>
    void check(Comm& world, stage<Model>& mine) const {
        if (empty()) return;
        // Of each end: whether there is such a block, how long it is, and of what type.
        std::vector<std::uint64_t> ends(6 * ties_.size(), 0);
        for_each_end(world.rank(), [&](std::size_t end, parameter_block const& at) {
            with_block(mine, at, parameters_of, [&](auto block) {
                ends[3 * end] = 1;
                ends[3 * end + 1] = block.size();
                ends[3 * end + 2] = hash_of(element_type_of<std::remove_cv_t<typename decltype(block)::element_type>>.name);
            });
        });
        if (world.size() > 1) all_reduce(world, ends);
        for (std::size_t k = 0; k < ties_.size(); ++k) {
            auto const* const first = &ends[6 * k];
            auto const* const second = first + 3;
            auto const& [a, b] = ties_[k];
            for (auto const& [end, at] : {std::pair{first, a}, std::pair{second, b}})
                if (end[0] == 0)
                    raise<usage_error>({"tutti: a tie names block ", at.block, " of layer ", at.layer, ", which has none"});
            if (first[1] != second[1] || first[2] != second[2])
                raise<usage_error>({"tutti: block ", a.block, " of layer ", a.layer, " has ", first[1], " parameters, and block ",
                                    b.block, " of layer ", b.layer, ", which it is tied to, ", second[1],
                                    first[2] == second[2] ? "" : ", of another type"});
        }
    }

    /// Gives the second block of each tie the parameters of the first. Between the ranks that have them.
    template <class Comm>
    void copy_parameters(Comm& world, stage<Model>& mine) const {
        for_each_tie(
            world, mine, parameters_of,
            [&](auto block, bool is_first, int peer) {
                if (is_first) send(world, block, peer);
                else receive(world, block, peer);
            },
            [](auto from, auto to) { if (from.data() != to.data()) copy_bytes(to.data(), from.data(), from.size_bytes()); });
    }

    /// Gives both blocks of each tie the sum of their gradients. Between the ranks that have them.
    /// Order:  first + second, on both ranks
    template <class Comm>
    void add_gradients(Comm& world, stage<Model>& mine) const {
        for_each_tie(
            world, mine, gradients_of,
            [&](auto block, bool is_first, int peer) {
                using T = typename decltype(block)::element_type;
                std::vector<T> theirs(block.size());
                exchange(world, block, peer, theirs, peer);
                for (std::size_t i = 0; i < theirs.size(); ++i)
                    block[i] = static_cast<T>(is_first ? block[i] + theirs[i] : theirs[i] + block[i]);
            },
            [](auto a, auto b) {
                using T = typename decltype(a)::element_type;
                for (std::size_t i = 0; i < a.size(); ++i) a[i] = b[i] = static_cast<T>(a[i] + b[i]);
            });
    }

    /// What `add_gradients` hands to collectives: per tie to another rank, the bytes of its block. Local.
    template <class Comm>
    void add_traffic(step_traffic& sum, Comm& world, stage<Model>& mine) const {
        for_each_tie(
            world, mine, gradients_of,
            [&](auto block, bool, int) { sum.add(collective::exchange, static_cast<double>(block.size_bytes())); }, [](auto, auto) {});
    }

private:
    /// `visit(end, block)` for each end of a tie that `rank` has.
    template <class Visit>
    void for_each_end(int rank, Visit visit) const {
        for (std::size_t end = 0; end < 2 * ties_.size(); ++end)
            if (owner_[end] == rank) visit(end, end % 2 == 0 ? ties_[end / 2].first : ties_[end / 2].second);
    }

    /// For each tie in order: `between(block, is_first, peer)` where this rank has one end, `here(first, second)` where it has
    /// both.
    template <class Comm, class Blocks, class Between, class Here>
    void for_each_tie(Comm& world, stage<Model>& mine, Blocks blocks_of, Between between, Here here) const {
        for (std::size_t k = 0; k < ties_.size(); ++k) {
            int const a = owner_[2 * k], b = owner_[2 * k + 1], me = world.rank();
            // Types as parameters, since to g++ 12 decltype(first) is another type in the inner lambda.
            if (a == me && b == me)
                with_block(mine, ties_[k].first, blocks_of, [&]<class First>(First first) {
                    with_block(mine, ties_[k].second, blocks_of, [&]<class Second>(Second second) {
                        if constexpr (std::is_same_v<First, Second>) here(first, second);
                    });
                });
            else if (a == me) with_block(mine, ties_[k].first, blocks_of, [&](auto block) { between(block, true, b); });
            else if (b == me) with_block(mine, ties_[k].second, blocks_of, [&](auto block) { between(block, false, a); });
        }
    }

    template <class Blocks, class Visit>
    static void with_block(stage<Model>& mine, parameter_block const& at, Blocks blocks_of, Visit visit) {
        mine.for_each_learning([&](auto& layer, auto k) {
            if (k != at.layer) return;
            std::size_t index = 0;
            for_each_block(blocks_of(layer), [&](auto block) {
                if (index++ == at.block) visit(block);
            });
        });
    }

    std::vector<tie> ties_;
    std::vector<int> owner_;  // of each tie's ends
};

}  // namespace tutti::detail
