#pragma once

#include <tutti/collectives/all_gather.hpp>
#include <tutti/collectives/messages.hpp>
#include <tutti/collectives/wait.hpp>
#include <tutti/concepts/block_form.hpp>
#include <tutti/concepts/blocks.hpp>
#include <tutti/concepts/communicator.hpp>
#include <tutti/concepts/pending.hpp>
#include <tutti/concepts/step_traffic.hpp>
#include <tutti/concepts/synchronisation.hpp>
#include <tutti/detail/copy_bytes.hpp>
#include <tutti/detail/room.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>
#include <tutti/sync/all_reduce.hpp>
#include <tutti/sync/block_store.hpp>
#include <tutti/sync/same_settings.hpp>
#include <tutti/sync/shards.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace tutti::sync {

/// Every rank serves a shard of the parameters: all ranks send it their gradients of it, it moves it by those that have come, and
/// sends it to all. A rank goes on with what it has, so a slow one does not hold up the others before they are `staleness` steps
/// ahead of it: none begins a step before all have computed the gradient of the one staleness + 1 before. Stale-synchronous (SSP).
///
/// With staleness 0 each step is that of `all_reduce`. Else replicas differ within an epoch, and a gradient counts in the update
/// that follows its coming: all have been counted once when an epoch ends, by one more update where some were late, which
/// `clip_norm` does not bound, and replicas are then equal. `step` ends alike, and `clip_norm` makes every step wait for all.
/// Messages of `tutti::send` keep their order among these.
/// Cost:   per step and peer two started messages each way, of the bytes of an all_reduce by a ring in all; in memory
///         (staleness + 1) (2n + (p - 1) n / p) numbers
/// Order:  rank order, of what comes late step by step: with staleness 0 equal from run to run, else as ranks happen to be fast
/// Source: Ho et al. 2013, More effective distributed ML via a stale synchronous parallel parameter server; servers beside workers
///         as in Li et al. 2014, Scaling distributed machine learning with the parameter server
struct parameter_server {
    int staleness = 0;  ///< steps that the fastest rank may be ahead of the slowest, >= 0

    static constexpr bool divides_update = true;

    template <class Comm>
    class bound {
        static_assert(starts_messages<Comm>,
                      "tutti: sync::parameter_server needs a communicator that starts messages, as comm::threads and comm::mpi do, "
                      "so that no rank waits for another; use tutti::sync::sharded<1> on this one");

    public:
        /// Collective.
        /// @throws usage_error  on every rank when the staleness is negative or differs between ranks
        bound(Comm& world, parameter_server const& settings)
            : world_{&world},
              staleness_{settings.staleness} {
            using tutti::detail::raise;
            detail::require_same_settings(world, "parameter_server", std::array{"staleness"}, std::array{settings.staleness});
            if (staleness_ < 0)
                raise<usage_error>({"tutti: sync::parameter_server: staleness = ", staleness_, " cannot be negative"});
        }

        /// Makes room for what is under way. Local.
        void prepare(std::span<block_form const> blocks) {
            if (world_->size() == 1) return;
            for (int rank = 0; rank < world_->size(); ++rank) first_.push_back(first_.back() + shard_bytes(blocks, rank));
            for (block_form const& each : blocks) count_ += each.count();
            slots_.reserve(static_cast<std::size_t>(staleness_) + 1);
            for (int k = 0; k <= staleness_; ++k) slots_.emplace_back(first_.back(), (ranks() - 1) * mine(), ranks());
        }

        template <class Gradients>
        double contribute(Gradients&& gradients, double weight) {
            if (world_->size() == 1) return 1;
            double const factor = detail::weigh(*world_, gradients, weight);
            slot& now = slot_of(clock_);
            now.wait_until_sent();
            for (int rank = 0; rank < world_->size(); ++rank) pack(gradients, rank, part(now.gradients, rank));
            for_each_peer([&](int peer, std::size_t k) {
                bytes const in = part_from(now, peer), out = part(now.gradients, peer);
                now.gradient_comes[k] = tutti::start_receive(*world_, in, peer);
                now.gradient_goes[k] = tutti::start_send(*world_, out, peer);
                now.is_counted[k] = false;
            });
            now.is_counted[me()] = false;
            if (clock_ - staleness_ >= settled_) wait_all(slot_of(clock_ - staleness_).gradient_comes);
            count_gradients(gradients, clock_);
            return factor;
        }
        slice owned(std::size_t count) const { return detail::shard_of(count, world_->rank(), world_->size()); }
        template <class Parameters>
        void publish(Parameters&& parameters) {
            if (world_->size() == 1) return;
            slot& now = slot_of(clock_);
            pack(parameters, world_->rank(), part(now.parameters, world_->rank()));
            for_each_peer([&](int peer, std::size_t k) {
                bytes const in = part(now.parameters, peer), out = part(now.parameters, world_->rank());
                now.parameter_comes[k] = tutti::start_receive(*world_, in, peer);
                now.parameter_goes[k] = tutti::start_send(*world_, out, peer);
            });
            for_each_peer([&](int peer, std::size_t k) {
                // The newest that has come; those of one peer come in their order.
                std::int64_t newest = clock_ - staleness_;
                if (newest >= settled_) slot_of(newest).parameter_comes[k].wait();
                else newest = settled_ - 1;
                while (newest < clock_ && slot_of(newest + 1).parameter_comes[k].ready()) ++newest;
                if (newest >= settled_) unpack(parameters, peer, part(slot_of(newest).parameters, peer));
            });
            ++clock_;
        }

        /// Waits for the gradients that are late and leaves their sum; returns what it is to be multiplied by, 0 if none is.
        /// Collective.
        template <class Gradients>
        double late(Gradients&& gradients) {
            if (world_->size() == 1) return 0;
            for (slot& each : slots_) wait_all(each.gradient_comes);
            return count_gradients(gradients, clock_ - 1) ? 1.0 / world_->size() : 0;
        }
        /// All ranks have every shard as its owner has it, and nothing is under way. Collective.
        template <class Parameters>
        void settle(Parameters&& parameters) {
            if (world_->size() == 1) return;
            for (slot& each : slots_) each.wait_until_sent();
            for (slot& each : slots_) wait_all(each.parameter_comes);
            settled_ = clock_;
            if (staleness_ == 0) return;
            slot& now = slots_.front();
            pack(parameters, world_->rank(), part(now.parameters, world_->rank()));
            std::vector<std::size_t> sizes(ranks());
            for (std::size_t k = 0; k < sizes.size(); ++k) sizes[k] = first_[k + 1] - first_[k];
            tutti::all_gather_v(*world_, part(now.parameters, world_->rank()), now.parameters.template as<std::byte>(), sizes);
            for_each_peer([&](int peer, std::size_t) { unpack(parameters, peer, part(now.parameters, peer)); });
        }

        /// Messages, without what ends an epoch.
        step_traffic traffic(std::span<block_form const> blocks) const {
            step_traffic sum;
            std::size_t others = 0;
            for (int rank = 0; rank < world_->size(); ++rank)
                others += rank == world_->rank() ? 0 : shard_bytes(blocks, rank);
            std::size_t const served = (ranks() - 1) * shard_bytes(blocks, world_->rank());
            sum.add(collective::send, static_cast<double>(others + served));
            sum.add(collective::receive, static_cast<double>(others + served));
            return sum;
        }
        std::size_t memory(std::span<block_form const> blocks) const {
            if (world_->size() == 1) return 0;
            std::size_t whole = 0;
            for (int rank = 0; rank < world_->size(); ++rank) whole += shard_bytes(blocks, rank);
            std::size_t const slots = static_cast<std::size_t>(staleness_) + 1;
            return slots * (2 * whole + (ranks() - 1) * shard_bytes(blocks, world_->rank()));
        }

    private:
        using bytes = std::span<std::byte>;

        /// What one step has under way. Bytes of all shards lie in rank order.
        struct slot {
            slot(std::size_t whole, std::size_t from_peers, std::size_t ranks)
                : gradients{whole, 1},
                  contributions{from_peers, 1},
                  parameters{whole, 1},
                  is_counted(ranks, true),
                  gradient_comes(ranks),
                  gradient_goes(ranks),
                  parameter_comes(ranks),
                  parameter_goes(ranks) {}
            void wait_until_sent() { wait_all(gradient_goes), wait_all(parameter_goes); }

            tutti::detail::room gradients;      // this rank's, of every shard
            tutti::detail::room contributions;  // of each peer, of this rank's shard
            tutti::detail::room parameters;
            std::vector<bool> is_counted;  // by rank: whether its gradient has been
            // By peer; after the buffers, so that these outlive what is under way.
            std::vector<pending> gradient_comes, gradient_goes, parameter_comes, parameter_goes;
        };

        std::size_t ranks() const { return static_cast<std::size_t>(world_->size()); }
        std::size_t me() const { return static_cast<std::size_t>(world_->rank()); }
        std::size_t mine() const { return first_[me() + 1] - first_[me()]; }
        slot& slot_of(std::int64_t clock) { return slots_[static_cast<std::size_t>(clock) % slots_.size()]; }
        bytes part(tutti::detail::room const& of, int rank) const {
            auto const k = static_cast<std::size_t>(rank);
            return of.as<std::byte>().subspan(first_[k], first_[k + 1] - first_[k]);
        }
        /// Where a peer's gradient of this rank's shard comes to.
        bytes part_from(slot const& where, int peer) const {
            auto const k = static_cast<std::size_t>(peer < world_->rank() ? peer : peer - 1);
            return where.contributions.template as<std::byte>().subspan(k * mine(), mine());
        }
        template <class Visit>
        void for_each_peer(Visit visit) const {
            for (int peer = 0; peer < world_->size(); ++peer)
                if (peer != world_->rank()) visit(peer, static_cast<std::size_t>(peer));
        }

        /// Bytes of a shard's message: at least one, since a rank that owns nothing is waited for too.
        std::size_t shard_bytes(std::span<block_form const> blocks, int rank) const {
            std::size_t count = 0, offset = 0, sum = 0;
            for (block_form const& each : blocks) count += each.count();
            auto const shard = detail::shard_of(count, rank, world_->size());
            for (block_form const& each : blocks) {
                sum += tutti::detail::part_of_block(shard, offset, each.count()).size() * each.number;
                offset += each.count();
            }
            return std::max<std::size_t>(sum, 1);
        }
        /// Calls `visit(part of a block, where its bytes lie)` for all of a shard.
        template <class Blocks, class Visit>
        void for_each_part(Blocks&& blocks, int rank, bytes where, Visit visit) const {
            auto const shard = detail::shard_of(count_, rank, world_->size());
            std::size_t offset = 0, at = 0;
            for_each_block(blocks, [&](auto block) {
                auto const part = tutti::detail::part_of_block(shard, offset, block.size());
                auto const mine = block.subspan(part.first, part.size());
                offset += block.size();
                if (mine.empty()) return;
                visit(mine, where.data() + at);
                at += mine.size_bytes();
            });
        }
        template <class Blocks>
        void pack(Blocks&& blocks, int rank, bytes to) const {
            for_each_part(blocks, rank, to,
                          [](auto part, std::byte* at) { tutti::detail::copy_bytes(at, part.data(), part.size_bytes()); });
        }
        template <class Blocks>
        void unpack(Blocks&& blocks, int rank, bytes from) const {
            for_each_part(blocks, rank, from,
                          [](auto part, std::byte const* at) { tutti::detail::copy_bytes(part.data(), at, part.size_bytes()); });
        }

        /// Leaves in this rank's shard the sum of the gradients of steps up to `last` that have come and are not counted yet; false
        /// if there are none.
        template <class Gradients>
        bool count_gradients(Gradients&& gradients, std::int64_t last) {
            bool any = false;
            for (std::int64_t clock = std::max(settled_, last - staleness_); clock <= last; ++clock) {
                slot& from = slot_of(clock);
                for (int rank = 0; rank < world_->size(); ++rank) {
                    auto const k = static_cast<std::size_t>(rank);
                    bool const own = k == me();
                    if (from.is_counted[k] || (!own && !from.gradient_comes[k].ready())) continue;
                    add(gradients, own ? part(from.gradients, rank) : part_from(from, rank), any);
                    from.is_counted[k] = any = true;
                }
            }
            return any;
        }
        template <class Gradients>
        void add(Gradients&& gradients, bytes from, bool more) const {
            for_each_part(gradients, world_->rank(), from, [&](auto part, std::byte const* at) {
                using T = typename decltype(part)::value_type;
                if (!more) {
                    tutti::detail::copy_bytes(part.data(), at, part.size_bytes());
                    return;
                }
                for (T& sum : part) {
                    T each;  // bytes of blocks of several types need not be aligned
                    std::memcpy(&each, at, sizeof each);
                    sum += each, at += sizeof each;
                }
            });
        }

        Comm* world_;
        int staleness_;
        std::size_t count_ = 0;
        std::vector<std::size_t> first_{0};  // where each shard's bytes begin
        std::vector<slot> slots_;            // of the last staleness + 1 steps, in turn
        std::int64_t clock_ = 0;             // steps done
        std::int64_t settled_ = 0;           // steps of which nothing is under way
    };
};

}  // namespace tutti::sync
