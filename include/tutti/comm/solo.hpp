#pragma once

#include <tutti/comm/detail/color.hpp>
#include <tutti/comm/launch.hpp>
#include <tutti/concepts/call.hpp>
#include <tutti/concepts/message_rounds.hpp>
#include <tutti/concepts/pending.hpp>
#include <tutti/concepts/shared_array.hpp>
#include <tutti/detail/copy_bytes.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <memory>
#include <span>
#include <string>

namespace tutti::comm {

/// The communicator of a group of one: every collective is at most a copy. What a program costs on it is what it costs alone.
class solo {
public:
    static constexpr int rank() { return 0; }
    static constexpr int size() { return 1; }

    /// Performs one collective. Local.
    static void perform(call const& what) {
        announce(what);
        bool const copies = what.kind != collective::broadcast && what.kind != collective::exclusive_scan;
        if (copies && what.out != what.in) detail::copy_bytes(what.out, what.in, what.bytes());
    }
    /// Performs one collective; nothing is left to wait for.
    static pending start(call const& what, std::shared_ptr<void const> const& /*kept*/) {
        perform(what);
        return {};
    }
    /// Compares the call with itself: what an all_to_all_v sends is what it receives.
    /// @throws collective_mismatch
    static void announce(call const& what) {
        if (what.receive_counts && what.counts[0] != what.receive_counts[0])
            detail::raise<collective_mismatch>({"tutti: ", describe(what), ": rank 0 sends ", what.counts[0],
                                                " elements to itself and expects ", what.receive_counts[0]});
    }
    /// There is nobody to exchange messages with.
    /// @throws usage_error unless `round` is empty
    static void exchange(std::span<message const> round, call const& what) {
        if (!round.empty())
            detail::raise<usage_error>(
                {"tutti: ", describe(what), ": rank ", round[0].peer, " is no peer of rank 0 of 1"});
    }
    static pending start_exchange(std::span<message const> round, call const& what, std::shared_ptr<void const> const& /*kept*/) {
        exchange(round, what);
        return {};
    }
    static pending start_rounds(std::unique_ptr<message_rounds> const& rounds) {
        exchange(rounds->next(), rounds->what());
        return {};
    }
    /// @param rounds  of a schedule: what they do on one rank is local
    static pending start_schedule(call const& what, std::unique_ptr<message_rounds> const& rounds,
                                  std::shared_ptr<void const> const& /*kept*/) {
        announce(what);
        return start_rounds(rounds);
    }
    /// A group of this rank. Local.
    /// @throws usage_error  when `color` is not 0 or more
    static solo split(int color, int /*key*/ = 0) {
        detail::check_color(color);
        return {};
    }
    static solo split_by_host() { return {}; }
    /// Ends the group.
    /// @throws error always, with `text`
    [[noreturn]] static void abort(std::string const& text) { detail::raise<error>({"tutti: rank 0 aborted: ", text}); }

    /// `size` elements of memory that the peers can reach: here, all of it. Local.
    template <class T>
    static shared_array<T> allocate(std::size_t size) {
        return detail::heap_array<T>(size);
    }

    /// Calls `body(world)`; see `tutti::launch`.
    template <class Body>
    static void launch(launch_options const& options, Body&& body) {
        if (options.ranks && *options.ranks != 1)
            detail::raise<usage_error>({"tutti: comm::solo has one rank, not ", *options.ranks});
        solo world;
        body(world);
    }
};

}  // namespace tutti::comm
