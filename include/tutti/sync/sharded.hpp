#pragma once

#include <tutti/collectives/all_gather.hpp>
#include <tutti/collectives/reduce_scatter.hpp>
#include <tutti/concepts/block_form.hpp>
#include <tutti/concepts/blocks.hpp>
#include <tutti/concepts/step_traffic.hpp>
#include <tutti/concepts/synchronisation.hpp>
#include <tutti/sync/all_reduce.hpp>
#include <tutti/sync/block_store.hpp>
#include <tutti/sync/shards.hpp>

#include <cstddef>
#include <span>
#include <vector>

namespace tutti::sync {

/// Every rank owns a shard of the parameters: it alone gets the sum of their gradients, keeps the optimiser's state for them and
/// moves them; then all ranks get them. The same bits as `all_reduce`, for 1/p of the update's work and of the state. Collective.
/// @tparam Stage  what is divided: 1, the state of the optimiser
/// Cost:   one reduce_scatter of the gradients and one all_gather of the parameters per block: the bytes of an all_reduce
/// Order:  rank order
/// Source: ZeRO, Rajbhandari et al. 2020, arXiv:1910.02054
template <int Stage>
struct sharded {
    static_assert(Stage == 1, "tutti: sync::sharded<1> divides the optimiser's state; other stages do not exist");

    static constexpr bool divides_update = true;

    template <class Comm>
    class bound {
    public:
        bound(Comm& world, sharded const& /*settings*/) : world_{&world} {}

        template <class Gradients>
        double contribute(Gradients&& gradients, double weight) {
            if (world_->size() == 1) return 1;
            double const factor = detail::weigh(*world_, gradients, weight);
            for_each_shard(gradients, [&](auto block, auto mine) { reduce_scatter_v(*world_, block, mine, counts_); });
            return factor;
        }
        slice owned(std::size_t count) const { return detail::shard_of(count, world_->rank(), world_->size()); }
        template <class Parameters>
        void publish(Parameters&& parameters) {
            if (world_->size() == 1) return;
            for_each_shard(parameters, [&](auto block, auto mine) { all_gather_v(*world_, mine, block, counts_); });
        }

        step_traffic traffic(std::span<block_form const> blocks) const {
            step_traffic sum;
            if (world_->size() == 1) return sum;
            sum.add(collective::reduce_scatter, static_cast<double>(bytes_of(blocks)));
            sum.add(collective::all_gather, static_cast<double>(bytes_of(blocks)));
            return sum;
        }
        static std::size_t memory(std::span<block_form const> /*blocks*/) { return 0; }

    private:
        /// Calls `visit(block, this rank's part of it)`, with every rank's number of its elements in `counts_`.
        template <class Blocks, class Visit>
        void for_each_shard(Blocks&& blocks, Visit visit) {
            std::size_t count = 0, offset = 0;
            for_each_block(blocks, [&](auto block) { count += block.size(); });
            counts_.resize(static_cast<std::size_t>(world_->size()));
            for_each_block(blocks, [&](auto block) {
                auto part = [&](int rank) {
                    return tutti::detail::part_of_block(detail::shard_of(count, rank, world_->size()), offset, block.size());
                };
                for (std::size_t k = 0; k < counts_.size(); ++k) counts_[k] = part(static_cast<int>(k)).size();
                auto const mine = part(world_->rank());
                visit(block, block.subspan(mine.first, mine.size()));
                offset += block.size();
            });
        }

        Comm* world_;
        std::vector<std::size_t> counts_;
    };
};

}  // namespace tutti::sync
