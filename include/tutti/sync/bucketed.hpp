#pragma once

#include <tutti/concepts/block_form.hpp>
#include <tutti/concepts/blocks.hpp>
#include <tutti/concepts/communicator.hpp>
#include <tutti/concepts/step_traffic.hpp>
#include <tutti/concepts/synchronisation.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>
#include <tutti/sync/bucket_exchange.hpp>
#include <tutti/sync/buckets.hpp>
#include <tutti/sync/same_settings.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace tutti::sync {

/// Sums the ranks' gradients as `all_reduce` does, but each as soon as the model says that it is final, while the pass goes on:
/// needs a model that announces its gradients. They are exchanged in buckets, from the last block to the first, since a pass
/// backward ends with the first: blocks are appended to a bucket until it holds `bytes` or more, or the type of numbers changes.
/// Buckets leave in that order on every rank, in whatever order their gradients become final. Collective.
///
/// Where the communicator can be detached (threads; MPI where two threads may call it, see `launch_options::detachable`), a thread
/// of its own exchanges them, and goes on while the model computes. Elsewhere they are started, and go on when the model announces.
/// Between `begin` and the end of `contribute`, gradients that were announced belong to the policy.
/// Errors: what the exchange throws is thrown when the pass is over, by `contribute`
/// Cost:   one all_reduce per bucket; buckets of several blocks are copied there and back; where shares are uneven, one pass over
///         the gradients to weight. Memory: the gradients in such buckets, once. A thread per rank
/// Order:  replicas are equal bit for bit; where sums are taken in rank order, as on threads, they are what `all_reduce` makes of the
///         same gradients, elsewhere to rounding
/// Source: Li et al. 2020, arXiv:2006.15704, section 3.2.3
struct bucketed {
    std::size_t first_bytes = std::size_t{1} << 20;  ///< of the first bucket, >= 1: small, so that the exchange begins early
    std::size_t bytes = std::size_t{25} << 20;       ///< of the others, >= 1

    template <class Comm>
    class bound {
    public:
        /// Collective.
        /// @throws usage_error  on every rank when a number of bytes is 0, or differs between ranks
        bound(Comm& world, bucketed const& settings) : first_bytes_{settings.first_bytes}, bytes_{settings.bytes} {
            using tutti::detail::raise;
            std::array const mine{settings.first_bytes, settings.bytes};
            constexpr std::array names{"first_bytes", "bytes"};
            detail::require_same_settings(world, "bucketed", names, mine);
            for (std::size_t k = 0; k < mine.size(); ++k)
                if (mine[k] == 0) raise<usage_error>({"tutti: sync::bucketed: ", names[k], " = 0 must be at least 1"});
            if (world.size() == 1) return;
            if constexpr (detaches<Comm>)
                if (world.can_detach())
                    exchange_ = std::make_unique<detail::exchange_beside<Comm>>(world, settings.first_bytes, settings.bytes);
            if constexpr (!detail::always_detaches<Comm>)
                if (!exchange_)
                    exchange_ = std::make_unique<detail::exchange_in_passing<Comm>>(world, settings.first_bytes, settings.bytes);
        }

        /// Called with the number of a block that is final.
        struct announced {
            detail::bucket_exchange<Comm>* exchange;
            void operator()(std::size_t block) const {
                if (exchange) exchange->announce(block);
            }
        };
        template <class Gradients>
        announced begin(Gradients&& gradients, double weight) {
            if (exchange_) exchange_->begin(gradients, weight);
            return {exchange_.get()};
        }
        template <class Gradients>
        double contribute(Gradients&& gradients, double weight) {
            return exchange_ ? exchange_->finish(gradients, weight) : 1;
        }
        slice owned(std::size_t count) const { return {0, count}; }
        template <class Parameters>
        void publish(Parameters&& /*parameters*/) {}

        step_traffic traffic(std::span<block_form const> blocks) const {
            step_traffic sum;
            if (exchange_) sum.add(collective::all_reduce, static_cast<double>(bytes_of(blocks)));
            return sum;
        }
        /// Of buckets that have several blocks; types of numbers are told apart by their size.
        std::size_t memory(std::span<block_form const> blocks) const {
            struct item {
                std::size_t type, count;  // told apart by the size of a number
                std::size_t bytes() const { return type * count; }
            };
            std::vector<item> items;
            for (block_form const& each : blocks) items.push_back({each.number, each.count()});
            std::size_t sum = 0;
            if (exchange_)
                for (auto const& each : detail::buckets_of(std::span<item const>{items}, first_bytes_, bytes_))
                    if (each.last - each.first > 1) sum += each.count * items[each.first].type;
            return sum;
        }

    private:
        std::size_t first_bytes_, bytes_;
        std::unique_ptr<detail::bucket_exchange<Comm>> exchange_;  // null on one rank
    };
};

}  // namespace tutti::sync
