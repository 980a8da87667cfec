#pragma once

#include <tutti/concepts/call.hpp>
#include <tutti/detail/aligned_bytes.hpp>
#include <tutti/detail/copy_bytes.hpp>
#include <tutti/detail/least_standard.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tutti::detail {

/// What a rank moves in a collective, once all have met and it knows where their elements are: its share of the work, by which no two
/// ranks write to the same cache line.
class shared_move {
public:
    shared_move(int rank, int ranks) : rank_{rank}, sources_(static_cast<std::size_t>(ranks)), results_(sources_.size()) {}

    /// Where a rank's elements are, and its result if peers may write to it.
    void find(int rank, std::byte const* source, std::byte* result) {
        sources_[static_cast<std::size_t>(rank)] = source, results_[static_cast<std::size_t>(rank)] = result;
    }

    /// Of elements that travelled in the slots.
    void eagerly(call const& what) {
        std::span const out{&what.out, 1};
        bool const root = what.root == rank_;
        switch (what.kind) {
        case collective::broadcast:
            if (!root) own(what);
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
            return own(what);
        }
    }

    /// Of elements that stay in the buffers that ranks lend.
    void directly(call const& what) {
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
            return own(what);
        }
    }

    /// Where parts differ: all ranks' buffers are lent or none is, but in an all_to_all each decides for itself.
    /// @param direct  whether the call's buffers are
    /// @param counts  counts(rank): what that rank has shown of its counts
    template <class Counts>
    void unevenly(call const& what, bool direct, Counts counts) {
        auto const ranks = sources_.size(), me = static_cast<std::size_t>(rank_), root = static_cast<std::size_t>(what.root);
        auto const size = what.type->size;
        auto bring = [&](std::byte* to, std::byte const* from, std::size_t count) {
            if (to != from) copy_bytes(to, from, count * size);
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
                std::size_t const theirs = sum(counts(static_cast<int>(peer)), me);
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

    static std::size_t sum(std::size_t const* counts, std::size_t how_many) {
        std::size_t whole = 0;
        for (std::size_t k = 0; k < how_many; ++k) whole += counts[k];
        return whole;
    }

private:
    int size() const { return static_cast<int>(sources_.size()); }

    static void copy(std::byte* to, std::byte const* from, std::size_t bytes) {
        if (to != from) copy_bytes(to, from, bytes);
    }
    /// Folds elements [first, first + count) of the first `inputs` sources into `out`.
    void fold(call const& what, std::span<std::byte* const> out, int inputs, std::size_t first, std::size_t count) const {
        what.reduce->fold(what.operation, out.data(), static_cast<int>(out.size()), sources_.data(), inputs, first, count);
    }

    /// What a call does alike whether its data travels in the slots or stays where it is.
    void own(call const& what) {
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

    /// Carries a running fold of the slice from rank to rank, a block at a time, so that it stays in the cache and results
    /// may replace their sources.
    void scan_slice(call const& what, std::size_t first, std::size_t count) {
        std::size_t const size = what.type->size, block = std::max<std::size_t>(1, 4096 / size);
        aligned_bytes const sum{block * size, what.type->alignment}, next{block * size, what.type->alignment};
        bool const inclusive = what.kind == collective::scan;
        if (what.reduce->widens) return scan_slice_afresh(what, first, count, inclusive);
        for (std::size_t at = first; at < first + count; at += block) {
            std::size_t const n = std::min(block, first + count - at), offset = at * size;
            copy_bytes(sum.data(), sources_[0] + offset, n * size);
            for (std::size_t rank = 1; rank < sources_.size(); ++rank) {
                copy_bytes(next.data(), sources_[rank] + offset, n * size);
                if (!inclusive) copy_bytes(results_[rank] + offset, sum.data(), n * size);
                std::array<std::byte const*, 2> const both{sum.data(), next.data()};
                std::byte* const to = sum.data();
                what.reduce->fold(what.operation, &to, 1, both.data(), 2, 0, n);
                if (inclusive) copy_bytes(results_[rank] + offset, sum.data(), n * size);
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

    int rank_;
    std::vector<std::byte const*> sources_;  // where each rank's elements are, in the call being moved
    std::vector<std::byte*> results_;
};

}  // namespace tutti::detail
