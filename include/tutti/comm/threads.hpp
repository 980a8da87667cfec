#pragma once

#include <tutti/comm/detail/color.hpp>
#include <tutti/comm/detail/shared_group.hpp>
#include <tutti/comm/detail/shared_rank.hpp>
#include <tutti/comm/detail/thread_background.hpp>
#include <tutti/comm/detail/thread_group.hpp>
#include <tutti/comm/launch.hpp>
#include <tutti/comm/solo.hpp>
#include <tutti/concepts/call.hpp>
#include <tutti/concepts/message_rounds.hpp>
#include <tutti/concepts/pending.hpp>
#include <tutti/concepts/shared_array.hpp>
#include <tutti/detail/least_standard.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace tutti::detail {

/// The positive number in environment variable `name`, or `otherwise` where it is not set.
[[gnu::cold]] inline int positive_from_environment(char const* name, int otherwise) {
    char const* const set = std::getenv(name);
    if (!set) return otherwise;
    std::string_view const text{set};
    int value = 0;
    auto const [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc{} || end != text.data() + text.size() || value < 1)
        raise<usage_error>({"tutti: ", name, " must be a positive number, not '", text, "'"});
    return value;
}

}  // namespace tutti::detail

namespace tutti::comm {

/// Ranks are threads of one process that read one another's buffers in place. One object per rank, used by that rank alone.
///
/// Small calls (up to 544 B per rank; 160 B on two ranks with a core each) travel inside the slots that ranks meet in: one round.
/// Larger ones are done in place: an all-reduce is split over the ranks, each of which folds its slice of all buffers, in rank
/// order, and writes it to all.
/// Every call's signature is compared with every peer's, always. A rank leaves a call only when no peer can touch its buffers.
/// Order: results are equal on all ranks and from run to run, bit for bit; sums are taken in rank order, (r0 + r1) + r2 ...
/// Source: one-writer flags with the payload in their line: Graham and Shipman 2008, doi 10.1007/978-3-540-87475-1_21.
class threads {
public:
    threads(detail::thread_group& group, int rank) : threads{group, rank, nullptr, std::make_shared<detail::under_way>()} {}
    threads(threads const&) = delete;
    threads& operator=(threads const&) = delete;
    ~threads() {
        side_.reset();
        if (!part_) return;
        if (std::uncaught_exceptions() > exceptions_) under_way_->leave_at_the_end(part_, rank());
        else part_->leave(rank());
    }

    int rank() const { return mine_.rank(); }
    int size() const { return mine_.size(); }

    /// Performs one collective, after all those started before it. Collective.
    /// @throws collective_mismatch, peer_failed, timeout_error; what the call's operation throws
    void perform(call const& what) {
        finish_started();
        if (size() == 1) return perform_alone(what);
        auto const sequence = mine_.publish(what);
        mine_.meet(what, sequence);
        mine_.move(what, sequence);
        mine_.settle(what, sequence);
    }

    /// Starts one collective, after all those started before it. Collective. The oldest one started is published at once;
    /// this rank's share of the work is done by `wait`, by `ready`, or by the next call.
    /// @param kept  keeps alive the operation and the counts that `what` points to
    template <class Void = void>
    pending start(call const& what, std::shared_ptr<void const> kept) {
        return start_schedule<Void>(what, nullptr, std::move(kept));
    }
    /// The same of a collective that a schedule makes, whose rounds these are.
    template <class Void = void>
    pending start_schedule(call const& what, std::unique_ptr<message_rounds> rounds, std::shared_ptr<void const> kept) {
        return side<Void>().start(what, std::move(rounds), std::move(kept));
    }

    /// Compares the call with every peer's, and leaves its data to be moved by messages. Collective.
    /// @throws collective_mismatch, peer_failed, timeout_error
    void announce(call const& what) {
        finish_started();
        if (size() == 1) return solo::announce(what);
        mine_.meet(what, mine_.publish(what));
    }

    /// Sends and receives the messages of `round` at the same time. Returns when all are complete: a send, when its receiver has
    /// it. Messages from one rank to another arrive in order.
    /// @throws collective_mismatch  on both ranks, when a receive meets a send of another type or number of elements
    /// @throws peer_failed, timeout_error
    template <class Void = void>
    void exchange(std::span<message const> round, call const& what) {
        side<Void>().messages().run(round, what);
    }

    /// Starts the messages of `round`: those between the same two ranks arrive in order of issue, started or not. They move on
    /// whenever this rank waits for anything or asks whether anything is ready. Local.
    /// @param kept  keeps alive the operation that `what` points to
    /// @throws peer_failed  when the group has ended
    template <class Void = void>
    pending start_exchange(std::span<message const> round, call const& what, std::shared_ptr<void const> kept) {
        return side<Void>().messages().start(round, what, std::move(kept));
    }

    /// The ranks that give the same `color` become a group, in the order of `key`, then of rank. Collective. The group must not
    /// outlive this one; what was started on one of them moves on while its rank waits in another; and they end together: what ends
    /// one of them, such as a rank that fails, is told to all who wait in any.
    /// @param color  0 or more
    /// @throws usage_error  when it is not;  collective_mismatch, peer_failed, timeout_error
    template <class = void>
    threads split(int color, int key = 0) {
        detail::check_color(color);
        return threads{*this, agree(collective::split, color, key)};
    }
    /// The ranks of one host become a group: all of them. Collective.
    /// @throws as `split`
    template <class = void>
    threads split_by_host() { return threads{*this, agree(collective::split_by_host, 0, 0)}; }
    /// All ranks become another group, which another thread of this rank may use while this one goes on: neither moves what was
    /// started on the other. It is built and destroyed by the rank's own thread, must not outlive this one, and ends with it.
    /// Collective.
    /// @throws as `split`
    template <class = void>
    threads detach() { return threads{*this, agree(collective::detach, 0, 0), std::make_shared<detail::under_way>(under_way_)}; }
    static constexpr bool can_detach() { return true; }

    /// Starts rounds of messages, of which each begins when the one before is complete. Local.
    /// @throws peer_failed  when the group has ended
    template <class Void = void>
    pending start_rounds(std::unique_ptr<message_rounds> rounds) {
        return pending{side<Void>().messages().begin(std::move(rounds))};
    }

    /// Throws what has ended the group, if anything has: for one that waits for something else than a call of this group. Local.
    /// @param what  this rank's part in it
    /// @throws peer_failed, timeout_error
    void look(call const& what) {
        if (mine_.group().revoked()) mine_.group().fail_call(rank(), 0, what);
    }

    /// Ends the group: every call of every rank, under way or later, throws `peer_failed` with `text`. Local.
    void abort(std::string const& text) { mine_.end("aborted", text); }

    /// `size` elements of memory that the peers can reach: here, all of it. Local.
    template <class T>
    static shared_array<T> allocate(std::size_t size) {
        return detail::heap_array<T>(size);
    }

    /// Runs `body(world)` on threads, rank 0 on the calling one; see `tutti::launch`.
    template <class Body>
    static void launch(launch_options const& options, Body&& body) {
        auto const on_rank = [&body](threads& world) { body(world); };
        run(options, &on_rank, [](void const* on, threads& world) { (*static_cast<decltype(on_rank)*>(on))(world); });
    }

private:
    /// A group that was agreed on, and this rank's place in it.
    struct membership {
        std::shared_ptr<detail::thread_group> group;
        int rank;
    };

    [[gnu::cold]] threads(detail::thread_group& group, int rank, std::shared_ptr<detail::thread_group> part,
                          std::shared_ptr<detail::under_way> under_way)
        : group_{group},
          part_{std::move(part)},
          under_way_{std::move(under_way)},
          mine_{group, rank} {
        mine_.let_go_on(*under_way_);
    }
    threads(threads const& whole, membership const& mine) : threads{whole, mine, whole.under_way_} {}
    threads(threads const& /*whole*/, membership const& mine, std::shared_ptr<detail::under_way> under_way)
        : threads{*mine.group, mine.rank, mine.group, std::move(under_way)} {}

    template <class = void>
    [[gnu::cold]] membership agree(collective kind, int color, int key) {
        detail::split_wish const mine{color, key};
        std::vector<detail::split_wish> all(static_cast<std::size_t>(size()));
        perform({.kind = kind,
                 .type = &element_type_of<detail::split_wish>,
                 .in = reinterpret_cast<std::byte const*>(&mine),
                 .out = reinterpret_cast<std::byte*>(all.data()),
                 .count = 1});
        auto const members = detail::members_of(color, all);
        std::size_t place = 0;
        while (members[place] != rank()) ++place;
        return {group_.part(++splits_, color, members, kind == collective::detach), static_cast<int>(place)};
    }

    /// `launch` with the type of its body erased.
    [[gnu::cold]] static void run(launch_options const& options, void const* body,
                                  void (*call_body)(void const* body, threads& world)) {
        int const cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
        int const ranks = options.ranks ? *options.ranks : detail::positive_from_environment("TUTTI_RANKS", cores);
        detail::thread_group group{ranks, options.timeout};
        struct seat {
            std::thread thread;
            std::exception_ptr escaped;
        };
        std::vector<seat> seats(static_cast<std::size_t>(ranks));
        auto run_rank = [&](int rank) noexcept {
            threads world{group, rank};
            try {
                call_body(body, world);
            } catch (...) {
                seats[static_cast<std::size_t>(rank)].escaped = std::current_exception();
                world.mine_.fail();
            }
            group.leave(rank);
        };
        int rank = 1;
        std::exception_ptr unstarted;
        try {
            for (; rank < ranks; ++rank)
                seats[static_cast<std::size_t>(rank)].thread = std::thread{[&run_rank, rank] { run_rank(rank); }};
        } catch (std::system_error const& problem) {
            auto const text = detail::joined({"tutti: could not start thread ", rank, " of ", ranks, ": ", problem.what()});
            unstarted = std::make_exception_ptr(error{text});
            group.revoke(0, text, group.nobody());
        }
        if (!unstarted) run_rank(0);
        for (seat& each : seats)
            if (each.thread.joinable()) each.thread.join();
        if (unstarted) std::rethrow_exception(unstarted);
        if (int const origin = group.origin(); origin >= 0 && seats[static_cast<std::size_t>(origin)].escaped)
            std::rethrow_exception(seats[static_cast<std::size_t>(origin)].escaped);
        for (seat const& each : seats)
            if (each.escaped) std::rethrow_exception(each.escaped);
    }

    void perform_alone(call const& what) {
        if (mine_.group().revoked()) mine_.group().fail_call(0, 0, what);
        solo::perform(what);
    }
    void finish_started() {
        if (side_) side_->finish_started();
    }
    template <class Void>
    detail::thread_background<Void>& side() {
        if (!side_) side_.reset(new detail::thread_background<Void>{mine_, *under_way_});
        return static_cast<detail::thread_background<Void>&>(*side_);
    }

    int exceptions_ = std::uncaught_exceptions();
    detail::thread_group& group_;
    std::shared_ptr<detail::thread_group> part_;  // the group, if it was split off
    std::uint64_t splits_ = 0;                    // of this group
    std::shared_ptr<detail::under_way> under_way_;
    detail::shared_rank mine_;
    std::unique_ptr<detail::thread_side> side_;  // null until messages or started calls are asked for
};

}  // namespace tutti::comm
