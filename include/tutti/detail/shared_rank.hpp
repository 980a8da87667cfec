#pragma once

#include <tutti/concepts/call.hpp>
#include <tutti/detail/aligned_bytes.hpp>
#include <tutti/detail/disagreement.hpp>
#include <tutti/detail/least_standard.hpp>
#include <tutti/detail/shared_group.hpp>
#include <tutti/detail/text.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tutti::detail {

/// How a rank that shares memory with its peers performs a collective, in four stages: publish what it brings, meet the peers, move its share of the
/// data, settle until no peer touches its buffers any more.
class shared_rank {
public:
    using clock = shared_group::clock;

    shared_rank(shared_group& group, int rank)
        : group_{group},
          rank_{rank},
          sources_(static_cast<std::size_t>(group.size())),
          results_(sources_.size()) {}

    /// Lets something else go on while this rank waits in a collective.
    void let_go_on(shared_group::background& behind) { behind_ = &behind; }

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
                if (what.counts) move_uneven(what, direct, sequence);
                else if (direct) move_directly(what);
                else move_eagerly(what);
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

    /// Bytes that a rank which brings something brings; where parts differ, no fewer.
    std::size_t in_bytes(call const& what) const { return what.bytes() * (brings_parts(what.kind) ? sources_.size() : 1); }
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
        std::size_t const count = brings_parts(what.kind) ? sum(what.counts, sources_.size()) : what.counts[rank_];
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
        if (what.counts) return sum(what.counts, sources_.size()) * what.type->size;
        return what.bytes() * (what.kind == collective::gather ? sources_.size() : 1);
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
            auto& source = sources_[static_cast<std::size_t>(peer)];
            auto& result = results_[static_cast<std::size_t>(peer)];
            source = theirs.payload, result = nullptr;
            if (!theirs.lent) continue;
            buffers lent;
            std::memcpy(&lent, theirs.payload, sizeof lent);
            source = group_.windows().address_at(peer, lent.in), result = group_.windows().address_at(peer, lent.out);
        }
        auto const me = static_cast<std::size_t>(rank_);
        if (group_.at(rank_, sequence).lent) sources_[me] = what.in, results_[me] = what.out;  // which peers need not reach
    }

    static void copy(std::byte* to, std::byte const* from, std::size_t bytes) {
        if (to != from) std::memcpy(to, from, bytes);
    }
    /// Folds elements [first, first + count) of the first `inputs` sources into `out`.
    void fold(call const& what, std::span<std::byte* const> out, int inputs, std::size_t first, std::size_t count) const {
        what.reduce->fold(what.operation, out.data(), static_cast<int>(out.size()), sources_.data(), inputs, first, count);
    }

    /// What a call does alike whether its data travels in the slots or stays where it is.
    void move_own(call const& what) {
        std::size_t const bytes = what.bytes(), me = static_cast<std::size_t>(rank_);
        switch (what.kind) {
        case collective::broadcast:
            return copy(what.out, sources_[static_cast<std::size_t>(what.root)], bytes);
        case collective::scatter:
            return copy(what.out, sources_[static_cast<std::size_t>(what.root)] + me * bytes, bytes);
        case collective::all_gather:
        case collective::split:  // tells all what each rank has asked for
        case collective::split_by_host:
        case collective::detach:
            for (std::size_t peer = 0; peer < sources_.size(); ++peer) copy(what.out + peer * bytes, sources_[peer], bytes);
            return;
        case collective::all_to_all:
            for (std::size_t peer = 0; peer < sources_.size(); ++peer)
                copy(what.out + peer * bytes, sources_[peer] + me * bytes, bytes);
            return;
        case collective::reduce_scatter:
            for (auto& source : sources_) source += me * bytes;
            return fold(what, std::span{&what.out, 1}, size(), 0, what.count);
        default:
            return;
        }
    }

    void move_eagerly(call const& what) {
        std::span const out{&what.out, 1};
        bool const root = what.root == rank_;
        switch (what.kind) {
        case collective::broadcast:
            if (!root) move_own(what);
            return;
        case collective::reduce:
            if (root) fold(what, out, size(), 0, what.count);
            return;
        case collective::gather:
            for (std::size_t peer = 0; root && peer < sources_.size(); ++peer)
                copy(what.out + peer * what.bytes(), sources_[peer], what.bytes());
            return;
        case collective::all_reduce:
            return fold(what, out, size(), 0, what.count);
        case collective::scan:
            return fold(what, out, rank_ + 1, 0, what.count);
        case collective::exclusive_scan:
            if (rank_ > 0) fold(what, out, rank_, 0, what.count);
            return;
        default:
            return move_own(what);
        }
    }

    void move_directly(call const& what) {
        auto const ranks = sources_.size(), me = static_cast<std::size_t>(rank_);
        // Slices meet where the first result begins a cache line: no line has two writers, as buffers often lie alike.
        std::byte const* const result = results_[what.kind == collective::reduce ? static_cast<std::size_t>(what.root) : 0];
        std::size_t const line = std::max<std::size_t>(1, 64 / what.type->size);
        std::size_t const before = reinterpret_cast<std::uintptr_t>(result) % 64 / what.type->size, whole = before + what.count;
        std::size_t const slice = ((whole + ranks - 1) / ranks + line - 1) / line * line;
        auto start = [&](std::size_t rank) { return std::min(std::max(rank * slice, before), whole) - before; };
        std::size_t const first = start(me), count = start(me + 1) - first;
        switch (what.kind) {
        case collective::reduce:
            return fold(what, std::span{&results_[static_cast<std::size_t>(what.root)], 1}, size(), first, count);
        case collective::all_reduce:
            return fold(what, {results_.data(), results_.size()}, size(), first, count);
        case collective::gather:
            return copy(results_[static_cast<std::size_t>(what.root)] + me * what.bytes(), sources_[me], what.bytes());
        case collective::scan:
        case collective::exclusive_scan:
            return scan_slice(what, first, count);
        default:
            return move_own(what);
        }
    }

    /// Lets the peers see how the parts differ.
    void show_counts(call const& what, std::uint64_t sequence) {
        auto const ranks = sources_.size();
        std::size_t* const shown = group_.counts(rank_, sequence);
        std::memcpy(shown, what.counts, ranks * sizeof *shown);
        if (what.receive_counts) std::memcpy(shown + ranks, what.receive_counts, ranks * sizeof *shown);
    }
    static std::size_t sum(std::size_t const* counts, std::size_t how_many) {
        std::size_t whole = 0;
        for (std::size_t k = 0; k < how_many; ++k) whole += counts[k];
        return whole;
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

    /// The data of a call whose parts differ. All ranks' buffers are lent or none is, but in an all_to_all each decides for itself.
    void move_uneven(call const& what, bool direct, std::uint64_t sequence) {
        auto const ranks = sources_.size(), me = static_cast<std::size_t>(rank_), root = static_cast<std::size_t>(what.root);
        auto const size = what.type->size;
        auto bring = [&](std::byte* to, std::byte const* from, std::size_t count) {
            if (count != 0 && to != from) std::memcpy(to, from, count * size);
        };
        std::size_t const own = what.counts[me], before = sum(what.counts, me);
        std::size_t at = 0;
        switch (what.kind) {
        case collective::scatter:
            return bring(what.out, sources_[root] + before * size, own);
        case collective::gather:
            if (direct) return bring(results_[root] + before * size, sources_[me], own);
            if (me != root) return;
            [[fallthrough]];
        case collective::all_gather:
            for (std::size_t peer = 0; peer < ranks; at += what.counts[peer++])
                bring(what.out + at * size, sources_[peer], what.counts[peer]);
            return;
        case collective::all_to_all:
            for (std::size_t peer = 0; peer < ranks; at += what.receive_counts[peer++]) {
                std::size_t const theirs = sum(group_.counts(static_cast<int>(peer), sequence), me);
                bring(what.out + at * size, sources_[peer] + theirs * size, what.receive_counts[peer]);
            }
            return;
        case collective::reduce_scatter:
            for (auto& source : sources_) source += before * size;
            return fold(what, std::span{&what.out, 1}, this->size(), 0, own);
        default:
            return;
        }
    }

    /// Carries a running fold of the slice from rank to rank, a block at a time, so that it stays in the cache and results
    /// may replace their sources.
    void scan_slice(call const& what, std::size_t first, std::size_t count) {
        std::size_t const size = what.type->size, block = std::max<std::size_t>(1, 4096 / size);
        aligned_bytes const sum{block * size, what.type->alignment}, next{block * size, what.type->alignment};
        bool const inclusive = what.kind == collective::scan;
        if (what.reduce->widens) return scan_slice_afresh(what, first, count, inclusive);
        for (std::size_t at = first; at < first + count; at += block) {
            std::size_t const n = std::min(block, first + count - at), offset = at * size;
            std::memcpy(sum.data(), sources_[0] + offset, n * size);
            for (std::size_t rank = 1; rank < sources_.size(); ++rank) {
                std::memcpy(next.data(), sources_[rank] + offset, n * size);
                if (!inclusive) std::memcpy(results_[rank] + offset, sum.data(), n * size);
                std::array<std::byte const*, 2> const both{sum.data(), next.data()};
                std::byte* const to = sum.data();
                what.reduce->fold(what.operation, &to, 1, both.data(), 2, 0, n);
                if (inclusive) std::memcpy(results_[rank] + offset, sum.data(), n * size);
            }
            if (inclusive) copy(results_[0] + offset, sources_[0] + offset, n * size);
        }
    }

    /// Folds anew for every rank, since a fold carried on would be rounded at each step. From the last rank to the first, as
    /// results may replace their sources; in blocks that stay in the cache.
    void scan_slice_afresh(call const& what, std::size_t first, std::size_t count, bool inclusive) {
        for (std::size_t const last = first + count; first < last;) {
            std::size_t const n = std::min(last - first, std::max<std::size_t>(1, 4096 / what.type->size));
            for (int rank = size() - 1; rank >= !inclusive; --rank)
                fold(what, std::span{&results_[static_cast<std::size_t>(rank)], 1}, rank + inclusive, first, n);
            first += n;
        }
    }

    shared_group& group_;
    int rank_;
    shared_group::background* behind_ = nullptr;
    std::uint64_t sequence_ = 0;
    std::vector<std::byte const*> sources_;  // where each rank's elements are, in the call being moved
    std::vector<std::byte*> results_;
};

}  // namespace tutti::detail
