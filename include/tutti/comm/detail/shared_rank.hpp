#pragma once

#include <tutti/comm/detail/disagreement.hpp>
#include <tutti/comm/detail/shared_group.hpp>
#include <tutti/comm/detail/shared_move.hpp>
#include <tutti/concepts/call.hpp>
#include <tutti/detail/least_standard.hpp>
#include <tutti/detail/text.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace tutti::detail {

/// How a rank that shares memory with its peers performs a collective, in four stages: publish what it brings, meet the peers, move its share of the
/// data, settle until no peer touches its buffers any more.
class shared_rank {
public:
    using clock = shared_group::clock;

    shared_rank(shared_group& group, int rank)
        : group_{group},
          rank_{rank},
          move_{rank, group.size()} {}

    /// Lets something else go on while this rank waits in a collective.
    void let_go_on(background& behind) { behind_ = &behind; }

    int rank() const { return rank_; }
    int size() const { return group_.size(); }

    /// Fills this rank's slot and lets the peers see it. Returns the call's number.
    std::uint64_t publish(call const& what) {
        auto const sequence = ++sequence_;
        if (group_.revoked()) group_.fail_call(rank_, sequence, what);
        slot& mine = group_.at(rank_, sequence);
        bool const lent = !eager(what);
        std::size_t const bytes = !lent && brings(what) ? brought_bytes(what) : 0;  // that travel in the slot
        if (bytes > slot::in_first_line) will_write(mine.payload + slot::in_first_line, bytes - slot::in_first_line);
        mine.identity = identity(what);
        mine.count = what.receive_counts ? 0 : what.count;
        mine.kind = what.kind;
        mine.algorithm = what.algorithm;
        mine.uneven = what.counts != nullptr;
        mine.lent = lent;
        mine.root = what.root;
        if (what.counts) show_counts(what, sequence);
        if (lent) {
            mine.within_reach = reach(what);
            buffers const found{group_.windows().lend(rank_, what.in), group_.windows().lend(rank_, what.out)};
            std::memcpy(mine.payload, &found, sizeof found);
        } else if (bytes != 0) {
            std::memcpy(mine.payload, what.in, bytes);
        }
        group_.arrive(rank_, sequence, what.kind);
        return sequence;
    }

    bool all_met(std::uint64_t sequence) {
        return all_peers([&](int peer) { return group_.has_arrived(peer, sequence); });
    }
    /// Waits until every peer is in this call, and compares what they call.
    void meet(call const& what, std::uint64_t sequence, clock::time_point since = {}) {
        bool const uneven = what.counts != nullptr;
        auto const same_as = identity(what);
        std::size_t const count = what.receive_counts ? 0 : what.count;
        bool same = true;
        for (int peer = 0; peer < size(); ++peer) {
            if (peer == rank_) continue;
            group_.await(
                rank_, peer, sequence, what, [&] { return group_.has_arrived(peer, sequence); }, since, behind_);
            slot const& theirs = group_.at(peer, sequence);
            same = same && theirs.count == count && theirs.kind == what.kind && theirs.algorithm == what.algorithm &&
                   theirs.root == what.root && theirs.identity == same_as && theirs.uneven == uneven;
        }
        if (!same || (uneven && !same_counts(what, sequence))) disagreement{group_, rank_, sequence}.compare_fully(what);
        if (what.receive_counts) disagreement{group_, rank_, sequence}.compare_pairs(what);
    }

    /// Whether the ranks, which have met, can move this call's data: where it lies in buffers, all must be within reach.
    bool can_move(call const& what, std::uint64_t sequence) {
        if (what.receive_counts ? !any_lent(sequence) : eager(what)) return true;
        for (int rank = 0; rank < size(); ++rank) {
            slot const& brought = group_.at(rank, sequence);
            if (brought.lent && !brought.within_reach) return false;
        }
        return true;
    }
    /// Does this rank's share of the work.
    void move(call const& what, std::uint64_t sequence) {
        bool const direct = what.receive_counts ? any_lent(sequence) : !eager(what);
        if (direct) group_.begin_moving(rank_, sequence, what);
        try {
            if (in_bytes(what) != 0) {
                find_buffers(what, sequence);
                if (what.counts) move_.unevenly(what, direct, [&](int peer) { return group_.counts(peer, sequence); });
                else if (direct) move_.directly(what);
                else move_.eagerly(what);
            }
        } catch (...) {
            if (direct) group_.cancel_moving(rank_);
            fail();
            group_.quiesce();
            throw;
        }
        if (direct) group_.end_moving(rank_, sequence);
    }

    bool all_settled(call const& what, std::uint64_t sequence) {
        return !lends(what) || all_peers([&](int peer) { return group_.has_moved(peer, sequence); });
    }
    /// Waits until no peer touches this rank's buffers any more.
    void settle(call const& what, std::uint64_t sequence, clock::time_point since = {}) {
        if (!lends(what)) return;
        for (int peer = 0; peer < size(); ++peer)
            if (peer != rank_)
                group_.await(
                    rank_, peer, sequence, what, [&] { return group_.has_moved(peer, sequence); }, since, behind_);
    }

    /// Ends the group with the exception that is being handled.
    [[gnu::cold]] void fail() {
        try {
            throw;
        } catch (std::exception const& problem) { end("threw", problem.what()); } catch (...) {
            end("threw", "something that is no std::exception");
        }
    }
    /// Ends the group, because of this rank.
    void end(char const* did, std::string_view text) {
        group_.revoke(rank_, joined({"rank ", rank_, " ", did, ": ", text}), group_.nobody());
    }
    shared_group& group() { return group_; }

private:
    using slot = shared_group::slot;

    /// Of what is called, settings of the algorithm included: the slot has no room of their own for them in its first cache line.
    std::uintptr_t identity(call const& what) const {
        return group_.identity(what) ^ static_cast<std::uintptr_t>(what.settings * 0x9e3779b97f4a7c15);
    }

    struct buffers {
        std::uintptr_t in, out;  // as lent
    };

    std::size_t ranks() const { return static_cast<std::size_t>(size()); }

    /// Bytes that a rank which brings something brings; where parts differ, no fewer.
    std::size_t in_bytes(call const& what) const { return what.bytes() * (brings_parts(what.kind) ? ranks() : 1); }
    bool brings(call const& what) const {
        bool const root_alone = what.kind == collective::broadcast || what.kind == collective::scatter;
        return what.kind != collective::barrier && (!root_alone || what.root == rank_);
    }
    bool eager(call const& what) const {
        return in_bytes(what) == 0 || (in_bytes(what) <= group_.eager_limit() && what.type->alignment <= 32);
    }
    /// Bytes that this rank brings, if it brings any.
    std::size_t brought_bytes(call const& what) const {
        if (!what.counts) return in_bytes(what);
        std::size_t const count = brings_parts(what.kind) ? shared_move::sum(what.counts, ranks()) : what.counts[rank_];
        return count * what.type->size;
    }
    /// Whether peers can reach those of this rank's buffers that they touch: what they read, and the results that they write. A
    /// gathered part is written by who brings it; other results that are one rank's alone, by that rank.
    bool reach(call const& what) const {
        bool const is_root = what.root == rank_;
        bool const read = brings(what) && what.kind != collective::gather;
        bool const written = what.kind == collective::all_reduce || what.kind == collective::scan ||
                             what.kind == collective::exclusive_scan ||
                             ((what.kind == collective::reduce || what.kind == collective::gather) && is_root);
        return (!read || group_.windows().reaches(rank_, what.in, brought_bytes(what))) &&
               (!written || group_.windows().reaches(rank_, what.out, written_bytes(what)));
    }
    std::size_t written_bytes(call const& what) const {
        if (what.counts) return shared_move::sum(what.counts, ranks()) * what.type->size;
        return what.bytes() * (what.kind == collective::gather ? ranks() : 1);
    }
    /// Whether peers touch this rank's own buffers in this call.
    bool lends(call const& what) const {
        if (eager(what)) return false;
        bool const root_alone =
            what.kind == collective::broadcast || what.kind == collective::scatter || what.kind == collective::gather;
        return !root_alone || what.root == rank_;
    }

    template <class Condition>
    bool all_peers(Condition holds) {
        for (int peer = 0; peer < size(); ++peer)
            if (peer != rank_ && !holds(peer)) return false;
        return true;
    }

    void find_buffers(call const& what, std::uint64_t sequence) {
        for (int peer = 0; peer < size(); ++peer) {
            slot const& theirs = group_.at(peer, sequence);
            if (!theirs.lent) {
                move_.find(peer, theirs.payload, nullptr);
            } else if (peer == rank_) {
                move_.find(peer, what.in, what.out);  // which peers need not reach
            } else {
                buffers lent;
                std::memcpy(&lent, theirs.payload, sizeof lent);
                move_.find(peer, group_.windows().address_at(peer, lent.in), group_.windows().address_at(peer, lent.out));
            }
        }
    }

    /// Lets the peers see how the parts differ.
    void show_counts(call const& what, std::uint64_t sequence) {
        std::size_t* const shown = group_.counts(rank_, sequence);
        std::memcpy(shown, what.counts, ranks() * sizeof *shown);
        if (what.receive_counts) std::memcpy(shown + ranks(), what.receive_counts, ranks() * sizeof *shown);
    }
    bool same_counts(call const& what, std::uint64_t sequence) {
        if (what.receive_counts) return true;  // each rank has its own
        for (int peer = 0; peer < size(); ++peer)
            if (!std::equal(what.counts, what.counts + size(), group_.counts(peer, sequence))) return false;
        return true;
    }
    bool any_lent(std::uint64_t sequence) {
        for (int peer = 0; peer < size(); ++peer)
            if (group_.at(peer, sequence).lent) return true;
        return false;
    }

    shared_group& group_;
    int rank_;
    background* behind_ = nullptr;
    std::uint64_t sequence_ = 0;
    shared_move move_;
};

}  // namespace tutti::detail
