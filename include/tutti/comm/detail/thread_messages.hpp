#pragma once

#include <tutti/comm/detail/shared_group.hpp>
#include <tutti/comm/detail/shared_rank.hpp>
#include <tutti/concepts/call.hpp>
#include <tutti/concepts/message_rounds.hpp>
#include <tutti/concepts/pending.hpp>
#include <tutti/detail/copy_bytes.hpp>
#include <tutti/detail/least_standard.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace tutti::detail {

/// The messages of a thread rank. A send shows its data in the channel to the receiver; the receiver copies or folds it from where
/// it lies, and says that it is done. A round has at most one message of a lane from a rank to another.
///
/// Rounds that were started wait in a queue. A channel shows one message at a time, so a lane's messages from one rank to another
/// are posted, and taken, in the order in which their rounds were issued; else rounds do not wait for one another. They move
/// whenever this rank waits for anything, or asks whether anything is ready.
template <class = void>
class thread_messages final : public background {
public:
    /// @param behind  what goes on while this rank waits for a message, these messages included
    thread_messages(shared_rank& mine, background& behind)
        : mine_{mine},
          group_{mine.group()},
          behind_{behind},
          seen_(2 * lane::kinds * static_cast<std::size_t>(group_.size()), 0) {}

    /// Performs a round; returns when all its messages are complete.
    void run(std::span<message const> round, call const& what) {
        if (group_.revoked()) group_.fail_call(rank(), 0, what);
        group_.enter(rank(), what.kind);
        if (first_) return queued(*this, round, what, nullptr).wait();
        for (message const& each : round)
            if (sends(each)) post(each, what);
        for (message const& each : round)
            if (!sends(each)) {
                auto& from = channel_of(each);
                await(each.peer, from.posted, from.taken.load(std::memory_order_relaxed) + 1, what);
                take(each, from, what);
            }
        for (message const& each : round)
            if (sends(each)) {
                auto& to = channel_of(each);
                await(each.peer, to.taken, to.posted.load(std::memory_order_relaxed), what);
            }
    }

    /// Starts a round. Its messages are posted at once where the channel is free.
    pending start(std::span<message const> round, call const& what, std::shared_ptr<void const> kept) {
        if (group_.revoked()) group_.fail_call(rank(), 0, what);
        group_.enter(rank(), what.kind);
        if (round.empty()) return {};
        return pending{std::unique_ptr<pending::request>{new queued{*this, round, what, std::move(kept)}}};
    }

    class queued;
    /// Begins rounds, one after the other.
    std::unique_ptr<queued> begin(std::unique_ptr<message_rounds> rounds) {
        if (group_.revoked()) group_.fail_call(rank(), 0, rounds->what());
        if (is_message(rounds->what().kind)) group_.enter(rank(), rounds->what().kind);
        return std::unique_ptr<queued>{new queued{*this, std::move(rounds)}};
    }

    /// Moves every message that can move without waiting. An error is kept for who waits for the round.
    bool work() override {
        if (!first_) return false;
        visit(true);
        drop_over();
        return first_;
    }

private:
    using channel = shared_group::channel;
    using clock = shared_group::clock;

    struct transfer {
        message what;
        std::uint64_t number = 0;  // of a send that is posted
        bool over = false;
    };

public:
    /// A round on its way, and those that follow it.
    class queued final : public pending::request {
    public:
        queued(thread_messages& messages, std::span<message const> round, call const& what, std::shared_ptr<void const> kept)
            : messages_{messages},
              what_{what},
              kept_{std::move(kept)},
              transfers_(round.size()),
              left_{round.size()} {
            for (std::size_t k = 0; k < round.size(); ++k) transfers_[k].what = round[k];
            join();
        }
        queued(thread_messages& messages, std::unique_ptr<message_rounds> rounds)
            : messages_{messages},
              rounds_{std::move(rounds)} {
            begin_round();
            join();
        }
        queued(queued const&) = delete;
        queued& operator=(queued const&) = delete;
        ~queued() override {
            left_ = 0;
            messages_.drop_over();
        }

        void wait() override { finish(clock::now()); }
        bool ready() override {
            messages_.behind_.work();
            if (!over() && !messages_.hopeless(next().peer, since_)) return false;
            finish(since_);
            return true;
        }

        bool over() const { return left_ == 0; }
        void end(std::exception_ptr error) { error_ = std::move(error), left_ = 0; }

    private:
        friend thread_messages;

        void join() {
            queued** end = &messages_.first_;
            while (*end) end = &(*end)->next_;
            *end = this;
            messages_.work();
        }
        void begin_round() {
            transfers_.clear();
            for (message const& each : rounds_->next()) transfers_.push_back({each});
            what_ = rounds_->what();
            left_ = transfers_.size();
        }
        /// Begins the next round where one is over and another follows.
        bool goes_on() {
            if (left_ != 0 || !rounds_ || error_) return false;
            try {
                begin_round();
            } catch (...) { end(std::current_exception()); }
            return left_ != 0;
        }

        void finish(clock::time_point since) {
            while (!over()) messages_.advance(*this, since);
            if (error_) std::rethrow_exception(error_);
        }
        message const& next() const {
            auto each = transfers_.begin();
            while (each->over) ++each;
            return each->what;
        }

        thread_messages& messages_;
        call what_;
        std::shared_ptr<void const> kept_;
        std::unique_ptr<message_rounds> rounds_;  // that follow, if any
        std::vector<transfer> transfers_;
        std::size_t left_ = 0;
        std::uint64_t moved_ = 0;  // counts what has been done for its messages
        clock::time_point since_ = clock::now();
        std::exception_ptr error_;
        queued* next_ = nullptr;
    };

private:
    int rank() const { return mine_.rank(); }
    static bool sends(message const& each) { return each.what == message::action::send; }
    /// Compared messages share a channel, whatever their number: the rounds of offers and answers before them are over in order.
    static std::size_t kind_of(message const& each) { return static_cast<std::size_t>(std::min(each.lane, lane::kinds - 1)); }
    channel& channel_of(message const& each) {
        return sends(each) ? group_.between(rank(), each.peer, kind_of(each)) : group_.between(each.peer, rank(), kind_of(each));
    }
    std::uint64_t& seen_in_channel_of(message const& each) {
        auto const pair = 2 * static_cast<std::size_t>(each.peer) + sends(each);
        return seen_[pair * lane::kinds + kind_of(each)];
    }

    void await(int peer, std::atomic<std::uint64_t> const& count, std::uint64_t value, call const& what) {
        group_.await(rank(), peer, 0, what, [&] { return count.load(std::memory_order_seq_cst) >= value; }, {}, &behind_);
    }

    /// True when a message to or from `peer` that was begun at `since` will not move by waiting.
    bool hopeless(int peer, clock::time_point since) {
        return group_.revoked() || group_.has_left(peer) || group_.is_late(since);
    }

    /// Moves `its` messages on, or waits until any in the queue can move, or some of these have been moved meanwhile: then it may
    /// be another peer that has to come.
    void advance(queued& its, clock::time_point since) {
        work();
        if (its.over()) return;
        auto const before = its.moved_;
        auto const can_go_on = [&] { return its.over() || its.moved_ != before || visit(false); };
        try {
            group_.await(rank(), its.next().peer, 0, its.what_, can_go_on, since, &behind_);
        } catch (...) {
            its.end(std::current_exception());
            drop_over();
        }
    }

    void drop_over() {
        for (queued** at = &first_; *at;)
            if ((*at)->over()) *at = (*at)->next_;
            else at = &(*at)->next_;
    }

    /// Goes through the messages in the order of issue, and moves every one that can move; unless `moves`, says whether one can.
    bool visit(bool moves) {
        ++scan_;
        bool const dead = first_ && group_.revoked();
        for (queued* its = first_; its; its = its->next_) do
                for (transfer& each : its->transfers_) {
                    if (its->over()) break;
                    if (each.over || !can_move(each, dead)) continue;
                    if (!moves) return true;
                    move(*its, each);
                }
            while (moves && its->goes_on());
        return false;
    }
    bool can_move(transfer const& each, bool dead) {
        channel const& through = channel_of(each.what);
        auto const posted = through.posted.load(std::memory_order_seq_cst);
        auto const taken = through.taken.load(std::memory_order_seq_cst);
        if (each.number != 0) return taken >= each.number;
        auto& seen = seen_in_channel_of(each.what);
        bool const first = seen != scan_;  // of those that wait for this channel
        if (first && !dead && (posted == taken) == sends(each.what)) return true;
        seen = scan_;
        return false;
    }

    void move(queued& its, transfer& each) {
        ++its.moved_;
        try {
            if (sends(each.what) && each.number == 0) {
                each.number = post(each.what, its.what_);
                return;
            }
            if (!sends(each.what)) take(each.what, channel_of(each.what), its.what_);
            each.over = true;
            --its.left_;
        } catch (...) { its.end(std::current_exception()); }
    }

    std::uint64_t post(message const& each, call const& what) {
        auto& to = channel_of(each);
        auto const posted = to.posted.load(std::memory_order_relaxed);
        if (to.taken.load(std::memory_order_acquire) != posted)
            raise<usage_error>({"tutti: ", describe(what), ": two messages at once to rank ", each.peer});
        to.data = each.data;
        to.type = what.type;
        to.count = each.count;
        to.posted.store(posted + 1, std::memory_order_seq_cst);
        group_.ring(rank());
        return posted + 1;
    }

    void take(message const& into, channel& from, call const& what) {
        bool const same_type = from.type == what.type || (from.type->name == what.type->name && from.type->size == what.type->size);
        if (from.count != into.count || !same_type) differ(into, from, what);
        group_.begin_moving(rank(), 0, what);
        try {
            std::size_t const bytes = into.count * what.type->size;
            if (into.what == message::action::receive) {
                copy_bytes(into.data, from.data, bytes);
            } else {
                std::array<std::byte const*, 2> both{from.data, into.data};
                if (into.what == message::action::receive_after) std::swap(both[0], both[1]);
                what.reduce->fold(what.operation, &into.data, 1, both.data(), 2, 0, into.count);
            }
        } catch (...) {
            group_.cancel_moving(rank());
            mine_.fail();
            group_.quiesce();
            throw;
        }
        group_.cancel_moving(rank());
        from.taken.store(from.posted.load(std::memory_order_relaxed), std::memory_order_seq_cst);
        group_.ring(rank());
    }

    [[noreturn, gnu::cold]] void differ(message const& into, channel const& from, call const& what) {
        std::string const text =
            joined({"tutti: ranks disagree: rank ", rank(), " receives ", into.count, " x ", what.type->name, " from rank ",
                    into.peer, ", which sends ", from.count, " x ", from.type->name, " (in ", describe(what), ")"});
        group_.revoke(rank(), text, group_.only(rank(), into.peer), shared_group::cause::disagreed);
        group_.quiesce();
        raise<collective_mismatch>({group_.within(text)});
    }

    shared_rank& mine_;
    shared_group& group_;
    background& behind_;
    queued* first_ = nullptr;          // of those issued and not over, in a row; owned by their `pending`
    std::vector<std::uint64_t> seen_;  // by peer, direction and lane: the last scan that met a message which has to wait
    std::uint64_t scan_ = 0;
};

}  // namespace tutti::detail
