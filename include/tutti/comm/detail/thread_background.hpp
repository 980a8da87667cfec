#pragma once

#include <tutti/comm/detail/shared_group.hpp>
#include <tutti/comm/detail/shared_rank.hpp>
#include <tutti/comm/detail/thread_group.hpp>
#include <tutti/comm/detail/thread_messages.hpp>
#include <tutti/comm/solo.hpp>
#include <tutti/concepts/call.hpp>
#include <tutti/concepts/message_rounds.hpp>
#include <tutti/concepts/pending.hpp>

#include <cstdint>
#include <exception>
#include <memory>
#include <utility>

namespace tutti::detail {

/// What a thread rank does on one group besides the call it is in: messages, and collectives that were started. Made when the first
/// of them is asked for, so that a program without them does not compile them.
template <class Void = void>
class thread_background final : public thread_side {
public:
    thread_background(shared_rank& mine, under_way& all) : mine_{mine}, all_{all}, messages_{mine, all} { all_.add(*this); }
    thread_background(thread_background const&) = delete;
    thread_background& operator=(thread_background const&) = delete;
    ~thread_background() override { all_.drop(*this); }

    thread_messages<Void>& messages() { return messages_; }

    /// Starts a collective, after all those started before it.
    /// @param rounds  of the schedule that makes it; null: the group's own way
    pending start(call const& what, std::unique_ptr<message_rounds> rounds, std::shared_ptr<void const> kept) {
        auto* const request = new started{*this, what, std::move(rounds), std::move(kept)};
        pending result{std::unique_ptr<pending::request>{request}};
        (first_ ? last_->next_ : first_) = request;
        last_ = request;
        if (first_ == request) advance(how::passing);
        return result;
    }

    bool work() override {
        bool const messages = messages_.work();
        while (!advancing_ && first_ && advance(how::passing)) {}
        return messages || first_;
    }
    void finish_started() override {
        while (first_) advance(how::waiting);
    }

private:
    using clock = shared_group::clock;

    /// A collective on its way: queued, published, moved, over.
    class started final : public pending::request {
    public:
        started(thread_background& side, call const& what, std::unique_ptr<message_rounds> rounds, std::shared_ptr<void const> kept)
            : side_{side},
              what_{what},
              kept_{std::move(kept)},
              rounds_{std::move(rounds)} {}
        void wait() override {
            while (stage_ != stage::over) side_.advance(how::waiting);
            if (error_) std::rethrow_exception(error_);
        }
        bool ready() override {
            side_.all_.work();
            while (stage_ != stage::over)
                if (!side_.advance(how::asking)) return false;
            if (error_) std::rethrow_exception(error_);
            return true;
        }

    private:
        friend thread_background;
        enum class stage { queued, published, moved, over };
        thread_background& side_;
        call what_;
        std::shared_ptr<void const> kept_;
        std::unique_ptr<message_rounds> rounds_;             // of a schedule, until they begin
        std::unique_ptr<typename thread_messages<Void>::queued> messages_;  // from then on
        std::uint64_t sequence_ = 0;
        clock::time_point since_{};  // the first time that it was asked for and was not over
        stage stage_ = stage::queued;
        std::exception_ptr error_;
        started* next_ = nullptr;
    };

    /// Whether a started call may be waited for; or is asked for, which may find that its time is up; or is only passed by.
    enum class how { waiting, asking, passing };

    /// Moves the oldest started call on by one stage; false when that would mean waiting and may not.
    bool advance(how may) {
        started& front = *first_;
        struct busy {
            bool& flag;
            explicit busy(bool& is) : flag{is} { flag = true; }
            ~busy() { flag = false; }
        } const here{advancing_};
        using stage = typename started::stage;
        auto& group = mine_.group();
        clock::time_point since{};
        auto must_wait = [&](auto lacks) {  // or fail, which is found by waiting
            if (may == how::waiting) return false;
            if (may == how::passing) return !group.revoked();  // whoever waits or asks finds out what else is wrong
            since = clock::now();
            if (front.since_ == clock::time_point{}) front.since_ = since;
            since = front.since_;
            return !group.hopeless(since, lacks);
        };
        try {
            if (group.size() == 1) {
                if (front.rounds_) comm::solo::start_schedule(front.what_, front.rounds_, nullptr);
                else comm::solo::perform(front.what_);
            } else if (front.stage_ == stage::queued) {
                front.sequence_ = mine_.publish(front.what_);
                front.stage_ = stage::published;
                return true;
            } else if (front.stage_ == stage::published) {
                if (!mine_.all_met(front.sequence_) && must_wait([&](int peer) { return !group.has_arrived(peer, front.sequence_); }))
                    return false;
                mine_.meet(front.what_, front.sequence_, since);
                if (front.rounds_) front.messages_ = messages_.begin(std::move(front.rounds_));
                else mine_.move(front.what_, front.sequence_);
                front.stage_ = stage::moved;
                return true;
            } else if (front.messages_) {
                if (may == how::passing && !front.messages_->over()) return false;
                if (may == how::asking && !front.messages_->ready()) return false;
                front.messages_->wait();
            } else {
                if (!mine_.all_settled(front.what_, front.sequence_) &&
                    must_wait([&](int peer) { return !group.has_moved(peer, front.sequence_); }))
                    return false;
                mine_.settle(front.what_, front.sequence_, since);
            }
        } catch (...) { front.error_ = std::current_exception(); }
        front.stage_ = stage::over;
        first_ = front.next_;
        return true;
    }

    shared_rank& mine_;
    under_way& all_;
    thread_messages<Void> messages_;
    started* first_ = nullptr;  // of those issued and not over, in a row; owned by their `pending`
    started* last_ = nullptr;   // where there is a first one
    bool advancing_ = false;    // one of them, right now
};

}  // namespace tutti::detail
