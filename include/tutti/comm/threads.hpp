#pragma once

#include <tutti/comm/call.hpp>
#include <tutti/comm/launch.hpp>
#include <tutti/comm/pending.hpp>
#include <tutti/comm/solo.hpp>
#include <tutti/detail/thread_group.hpp>
#include <tutti/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <exception>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace tutti::comm {

/// Ranks are threads of one process that read one another's buffers in place. One object per rank, used by that rank alone.
///
/// Small calls (up to half a KiB per rank) travel inside the slots that ranks meet in: one round. Larger ones are done in place:
/// an all-reduce is split over the ranks, each of which folds its slice of all buffers, in rank order, and writes it to all.
/// Every call's signature is compared with every peer's, always. A rank leaves a call only when no peer can touch its buffers.
/// Order: results are equal on all ranks and from run to run, bit for bit; sums are taken in rank order, (r0 + r1) + r2 ...
/// Source: one-writer flags with the payload in their line: Graham and Shipman 2008, doi 10.1007/978-3-540-87475-1_21.
class threads {
public:
    threads(detail::thread_group& group, int rank)
        : group_{group},
          rank_{rank},
          sources_(static_cast<std::size_t>(group.size())),
          results_(sources_.size()) {}
    threads(threads const&) = delete;
    threads& operator=(threads const&) = delete;

    int rank() const { return rank_; }
    int size() const { return group_.size(); }

    /// Performs one collective, after all those started before it. Collective.
    /// @throws collective_mismatch, peer_failed, timeout_error; what the call's operation throws
    void perform(call const& what) {
        while (!started_.empty()) advance(true);
        if (size() == 1) return solo::perform(what);
        auto const sequence = publish(what);
        meet(what, sequence);
        move(what, sequence);
        settle(what, sequence);
    }

    /// Starts one collective, after all those started before it. Collective. The oldest one started is published at once;
    /// this rank's share of the work is done by `wait`, by `ready`, or by the next call.
    /// @param operation  keeps alive what `what.operation` points to
    /// @throws peer_failed
    pending start(call const& what, std::shared_ptr<void const> operation) {
        auto request = std::make_unique<started>(*this, what, std::move(operation));
        started_.push_back(request.get());
        if (started_.size() == 1) advance(false);
        return pending{std::move(request)};
    }

    /// Ends the group: every call of every rank, under way or later, throws `peer_failed` with `text`. Local.
    void abort(std::string const& text) { group_.revoke(rank_, said("aborted", text)); }

    /// Runs `body(world)` on threads, rank 0 on the calling one; see `tutti::launch`.
    template <class Body>
    static void launch(launch_options const& options, Body&& body) {
        int const cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
        int const ranks = options.ranks ? *options.ranks : detail::positive_from_environment("TUTTI_RANKS", cores);
        detail::thread_group group{ranks, options.timeout};
        std::vector<std::exception_ptr> escaped(static_cast<std::size_t>(ranks));
        auto run = [&](int rank) noexcept {
            threads world{group, rank};
            try {
                body(world);
            } catch (...) {
                escaped[static_cast<std::size_t>(rank)] = std::current_exception();
                world.fail();
            }
            group.leave(rank);
        };
        std::vector<std::thread> others;
        std::exception_ptr unstarted;
        try {
            for (int rank = 1; rank < ranks; ++rank) others.emplace_back(run, rank);
        } catch (std::system_error const& problem) {
            std::string const text = "tutti: could not start thread " + std::to_string(others.size() + 1) + " of " +
                                     std::to_string(ranks) + ": " + problem.what();
            unstarted = std::make_exception_ptr(error{text});
            group.revoke(0, text);
        }
        if (!unstarted) run(0);
        for (auto& each : others) each.join();
        if (unstarted) std::rethrow_exception(unstarted);
        if (int const origin = group.origin(); origin >= 0 && escaped[static_cast<std::size_t>(origin)])
            std::rethrow_exception(escaped[static_cast<std::size_t>(origin)]);
        for (auto const& each : escaped)
            if (each) std::rethrow_exception(each);
    }

private:
    using slot = detail::thread_group::slot;
    using clock = detail::thread_group::clock;

    struct buffers {
        std::byte const* in;
        std::byte* out;
    };

    /// A collective on its way: queued, published, moved, over.
    class started final : public pending::request {
    public:
        started(threads& world, call const& what, std::shared_ptr<void const> operation)
            : world_{world},
              what_{what},
              operation_{std::move(operation)} {}
        void wait() override {
            while (stage_ != stage::over) world_.advance(true);
            if (error_) std::rethrow_exception(error_);
        }
        bool ready() override {
            while (stage_ != stage::over)
                if (!world_.advance(false)) return false;
            if (error_) std::rethrow_exception(error_);
            return true;
        }

    private:
        friend threads;
        enum class stage { queued, published, moved, over };
        threads& world_;
        call what_;
        std::shared_ptr<void const> operation_;
        std::uint64_t sequence_ = 0;
        clock::time_point since_ = clock::now();
        stage stage_ = stage::queued;
        std::exception_ptr error_;
    };

    /// Moves the oldest started call on by one stage; false when that would mean waiting and `may_wait` is not set.
    bool advance(bool may_wait) {
        started& front = *started_.front();
        using stage = started::stage;
        clock::time_point since{};
        try {
            if (front.stage_ == stage::queued) {
                front.sequence_ = size() > 1 ? publish(front.what_) : 0;
                front.stage_ = stage::published;
                return true;
            }
            if (size() == 1) {
                solo::perform(front.what_);
            } else if (front.stage_ == stage::published) {
                if (!may_wait && !all([&](int peer) { return group_.has_arrived(peer, front.sequence_); })) {
                    if (!group_.hopeless(front.since_)) return false;
                    since = front.since_;
                }
                meet(front.what_, front.sequence_, since);
                move(front.what_, front.sequence_);
                front.stage_ = stage::moved;
                return true;
            } else {
                if (!may_wait && lends(front.what_) && !all([&](int peer) { return group_.has_moved(peer, front.sequence_); })) {
                    if (!group_.hopeless(front.since_)) return false;
                    since = front.since_;
                }
                settle(front.what_, front.sequence_, since);
            }
        } catch (...) { front.error_ = std::current_exception(); }
        front.stage_ = stage::over;
        started_.pop_front();
        return true;
    }

    template <class Condition>
    bool all(Condition holds) {
        for (int peer = 0; peer < size(); ++peer)
            if (peer != rank_ && !holds(peer)) return false;
        return true;
    }

    bool eager(call const& what) const {
        return what.bytes() <= detail::thread_group::eager_bytes && (!what.type || what.type->alignment <= 32);
    }
    /// Whether peers touch this rank's own buffers in this call.
    bool lends(call const& what) const { return !eager(what) && (what.kind != collective::broadcast || what.root == rank_); }

    /// Fills this rank's slot and lets the peers see it.
    std::uint64_t publish(call const& what) {
        auto const sequence = ++sequence_;
        if (group_.revoked()) group_.fail_call(rank_, sequence, what);
        slot& mine = group_.at(rank_, sequence);
        mine.identity = what.reduce ? static_cast<void const*>(what.reduce) : what.type;
        mine.count = what.count;
        mine.kind = what.kind;
        mine.root = what.root;
        if (!eager(what)) {
            buffers const lent{what.in, what.out};
            std::memcpy(mine.payload, &lent, sizeof lent);
        } else if (what.in && what.bytes() != 0 && (what.root < 0 || what.root == rank_)) {
            std::memcpy(mine.payload, what.in, what.bytes());
        }
        group_.arrive(rank_, sequence, what.kind);
        return sequence;
    }

    /// Waits until every peer is in this call, and compares what they call.
    void meet(call const& what, std::uint64_t sequence, clock::time_point since = {}) {
        void const* const identity = what.reduce ? static_cast<void const*>(what.reduce) : what.type;
        bool same = true;
        for (int peer = 0; peer < size(); ++peer) {
            if (peer == rank_) continue;
            group_.await(
                rank_, peer, sequence, what, [&] { return group_.has_arrived(peer, sequence); }, since);
            slot const& theirs = group_.at(peer, sequence);
            same = same && theirs.count == what.count && theirs.kind == what.kind && theirs.root == what.root &&
                   theirs.identity == identity;
        }
        if (!same) compare_fully(sequence);
    }

    /// Does this rank's share of the work.
    void move(call const& what, std::uint64_t sequence) {
        bool const direct = !eager(what);
        if (direct) group_.begin_moving(rank_, sequence, what);
        try {
            if (direct) move_directly(what, sequence);
            else move_eagerly(what, sequence);
        } catch (...) {
            if (direct) group_.cancel_moving(rank_, sequence);
            fail();
            group_.quiesce();
            throw;
        }
        if (direct) group_.end_moving(rank_, sequence);
    }

    void move_eagerly(call const& what, std::uint64_t sequence) {
        if (what.bytes() == 0) return;
        if (what.kind == collective::broadcast) {
            if (what.root != rank_) std::memcpy(what.out, group_.at(what.root, sequence).payload, what.bytes());
            return;
        }
        for (int peer = 0; peer < size(); ++peer) sources_[static_cast<std::size_t>(peer)] = group_.at(peer, sequence).payload;
        if (what.kind == collective::all_reduce)
            what.reduce->fold(what.operation, &what.out, 1, sources_.data(), size(), 0, what.count);
        else gather_from_sources(what);
    }

    void move_directly(call const& what, std::uint64_t sequence) {
        auto lent_by = [&](int peer) {
            buffers lent;
            std::memcpy(&lent, group_.at(peer, sequence).payload, sizeof lent);
            return lent;
        };
        if (what.kind == collective::broadcast) {
            if (what.root != rank_) std::memcpy(what.out, lent_by(what.root).in, what.bytes());
            return;
        }
        for (int peer = 0; peer < size(); ++peer) {
            auto const lent = lent_by(peer);
            sources_[static_cast<std::size_t>(peer)] = lent.in;
            results_[static_cast<std::size_t>(peer)] = lent.out;
        }
        if (what.kind == collective::all_gather) return gather_from_sources(what);
        auto const ranks = static_cast<std::size_t>(size()), me = static_cast<std::size_t>(rank_);
        std::size_t const line = std::max<std::size_t>(1, 64 / what.type->size);  // slices end on cache lines
        std::size_t const slice = ((what.count + ranks - 1) / ranks + line - 1) / line * line;
        std::size_t const first = std::min(what.count, me * slice), last = std::min(what.count, first + slice);
        what.reduce->fold(what.operation, results_.data(), size(), sources_.data(), size(), first, last - first);
    }

    void gather_from_sources(call const& what) {
        for (std::size_t peer = 0; peer < sources_.size(); ++peer)
            if (std::byte* const place = what.out + peer * what.bytes(); place != sources_[peer])
                std::memcpy(place, sources_[peer], what.bytes());
    }

    /// Waits until no peer touches this rank's buffers any more.
    void settle(call const& what, std::uint64_t sequence, clock::time_point since = {}) {
        if (!lends(what)) return;
        for (int peer = 0; peer < size(); ++peer)
            if (peer != rank_)
                group_.await(
                    rank_, peer, sequence, what, [&] { return group_.has_moved(peer, sequence); }, since);
    }

    call described(int rank, std::uint64_t sequence) {
        slot const& theirs = group_.at(rank, sequence);
        call what{.kind = theirs.kind, .count = theirs.count, .root = theirs.root};
        if (theirs.kind == collective::all_reduce) {
            what.reduce = static_cast<reduction const*>(theirs.identity);
            what.type = what.reduce->type;
        } else {
            what.type = static_cast<element_type const*>(theirs.identity);
        }
        return what;
    }

    /// The cold half of `meet`: objects that identify types may differ between shared libraries, so names decide.
    void compare_fully(std::uint64_t sequence) {
        std::vector<std::pair<std::string, std::string>> groups;  // what was called, by whom
        for (int rank = 0; rank < size(); ++rank) {
            auto const text = describe(described(rank, sequence));
            auto const known = std::find_if(groups.begin(), groups.end(), [&](auto const& each) { return each.first == text; });
            if (known == groups.end()) groups.emplace_back(text, "rank " + std::to_string(rank));
            else known->second += ", rank " + std::to_string(rank);
        }
        if (groups.size() == 1) return;
        std::string text = "tutti: ranks disagree in call " + std::to_string(sequence) + ": ";
        for (auto const& [called, ranks] : groups) text += (&called == &groups[0].first ? "" : "; ") + ranks + " called " + called;
        group_.revoke(rank_, text);
        throw collective_mismatch{text};
    }

    std::string said(char const* did, std::string const& text) const {
        return "rank " + std::to_string(rank_) + " " + did + ": " + text;
    }

    /// Ends the group with the exception that is being handled.
    void fail() {
        try {
            throw;
        } catch (std::exception const& problem) { group_.revoke(rank_, said("threw", problem.what())); } catch (...) {
            group_.revoke(rank_, said("threw", "something that is no std::exception"));
        }
    }

    detail::thread_group& group_;
    int rank_;
    std::uint64_t sequence_ = 0;
    std::deque<started*> started_;           // issued, not over; owned by their `pending`
    std::vector<std::byte const*> sources_;  // where each rank's elements are, in the call being performed
    std::vector<std::byte*> results_;
};

}  // namespace tutti::comm
