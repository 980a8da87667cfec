#pragma once

#include <tutti/concepts/call.hpp>
#include <tutti/detail/thread_rank.hpp>
#include <tutti/error.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>

namespace tutti::detail {

/// One round of messages of a thread rank. A send shows its data in the channel to the receiver; the receiver copies or folds
/// it from where it lies, and says that it is done. A round has at most one message from a rank to another.
class thread_messages {
public:
    thread_messages(thread_rank& mine, call const& what) : mine_{mine}, group_{mine.group()}, what_{what} {}

    void run(std::span<message const> round) {
        if (group_.revoked()) group_.fail_call(rank(), 0, what_);
        group_.enter(rank(), what_.kind);
        for (message const& each : round)
            if (each.what == message::action::send) post(each);
        for (message const& each : round)
            if (each.what != message::action::send) {
                auto& from = group_.between(each.peer, rank());
                await(each.peer, from.posted, from.taken.load(std::memory_order_relaxed) + 1);
                take(each, from);
            }
        for (message const& each : round)
            if (each.what == message::action::send) {
                auto& to = group_.between(rank(), each.peer);
                await(each.peer, to.taken, to.posted.load(std::memory_order_relaxed));
            }
    }

private:
    using channel = thread_group::channel;

    int rank() const { return mine_.rank(); }

    void await(int peer, std::atomic<std::uint64_t> const& count, std::uint64_t value) {
        group_.await(rank(), peer, 0, what_, [&] { return count.load(std::memory_order_seq_cst) >= value; });
    }

    void post(message const& each) {
        auto& to = group_.between(rank(), each.peer);
        auto const posted = to.posted.load(std::memory_order_relaxed);
        if (to.taken.load(std::memory_order_acquire) != posted)
            throw usage_error{"tutti: " + describe(what_) + ": two messages at once to rank " + std::to_string(each.peer)};
        to.data = each.data;
        to.type = what_.type;
        to.count = each.count;
        group_.advance(to.posted, posted + 1);
    }

    void take(message const& into, channel& from) {
        if (from.count != into.count || (from.type != what_.type && from.type->name != what_.type->name)) {
            std::string const text = "tutti: ranks disagree: rank " + std::to_string(rank()) + " receives " +
                                     elements(into.count, *what_.type) + " from rank " + std::to_string(into.peer) +
                                     ", which sends " + elements(from.count, *from.type) + " (in " + describe(what_) + ")";
            group_.revoke(rank(), text, group_.only(rank(), into.peer), thread_group::cause::disagreed);
            throw collective_mismatch{text};
        }
        group_.begin_moving(rank(), 0, what_);
        try {
            std::size_t const bytes = into.count * what_.type->size;
            if (into.what == message::action::receive) {
                if (bytes != 0) std::memcpy(into.data, from.data, bytes);
            } else {
                std::array<std::byte const*, 2> both{from.data, into.data};
                if (into.what == message::action::receive_after) std::swap(both[0], both[1]);
                what_.reduce->fold(what_.operation, &into.data, 1, both.data(), 2, 0, into.count);
            }
        } catch (...) {
            group_.cancel_moving(rank());
            mine_.fail();
            group_.quiesce();
            throw;
        }
        group_.cancel_moving(rank());
        group_.advance(from.taken, from.posted.load(std::memory_order_relaxed));
    }

    static std::string elements(std::size_t count, element_type const& type) {
        return std::to_string(count) + " x " + std::string{type.name};
    }

    thread_rank& mine_;
    thread_group& group_;
    call const& what_;
};

}  // namespace tutti::detail
