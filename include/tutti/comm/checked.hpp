#pragma once

#include <tutti/collectives/execute.hpp>
#include <tutti/comm/detail/call_signature.hpp>
#include <tutti/comm/detail/checked_messages.hpp>
#include <tutti/comm/launch.hpp>
#include <tutti/concepts/call.hpp>
#include <tutti/concepts/communicator.hpp>
#include <tutti/concepts/message_rounds.hpp>
#include <tutti/concepts/pending.hpp>
#include <tutti/concepts/shared_array.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace tutti::comm {

/// A communicator that compares every call with the peers' before it is made: number in the sequence, collective, element type,
/// counts, root, operation and algorithm with its settings; types and operations by name. For backends that do not compare by
/// themselves, such as `mpi`; it fits wherever a communicator fits, around any. One object per rank and group.
///
/// Errors: calls that do not match throw `collective_mismatch` on every rank of the group, which says who called what, or, between
///         a sender and its receiver, on both. Their data has not moved then and the group can be used on. Not compared is a
///         message that meets a collective, or nothing at all: the wrapped communicator's timeout ends that.
/// Cost:   one all_gather of 80 bytes per rank before each call; for a message, two small ones between the ranks, in lanes of their
///         own. Comparing a collective waits for the peers, at the start of a started one too, and by that for all collectives
///         started before; a message is compared by its two ranks alone, and a started one while it is under way.
/// Limits: where the wrapped communicator cannot start rounds of messages, no message can be started, and all messages of an
///         exchange are compared before any moves: so both ranks must exchange, where else one may send and then receive.
template <communicator Comm>
class checked {
public:
    /// Wraps `world`, which must outlive this. Local; every rank of the group must do so after the same calls. What is called on
    /// `world` itself, by the other ranks too, is not compared.
    explicit checked(Comm& world) : inner_{&world} {}
    checked(checked const&) = delete;
    checked& operator=(checked const&) = delete;

    int rank() const { return inner_->rank(); }
    int size() const { return inner_->size(); }
    /// What is wrapped.
    Comm& inner() const { return *inner_; }
    /// The handle of the library behind the wrapped communicator.
    auto native() const requires requires(Comm const& world) { world.native(); }
    { return std::as_const(*inner_).native(); }

    /// Performs one collective, once all ranks are known to call the same. Collective.
    /// @throws collective_mismatch  on every rank; what the wrapped communicator throws
    void perform(call const& what) requires performs_collectives<Comm>
    {
        compare(what);
        inner_->perform(what);
    }
    /// Starts one collective, once all ranks are known to start the same. Collective.
    /// @throws as `perform`
    pending start(call const& what, std::shared_ptr<void const> kept) requires starts_collectives<Comm>
    {
        compare(what);
        return inner_->start(what, std::move(kept));
    }
    /// Starts a collective that a schedule makes, once all ranks are known to start the same. Collective.
    /// @throws as `perform`
    pending start_schedule(call const& what, std::unique_ptr<message_rounds> rounds, std::shared_ptr<void const> kept)
        requires starts_schedules<Comm>
    {
        compare(what);
        return inner_->start_schedule(what, std::move(rounds), std::move(kept));
    }
    /// Completes what the wrapped communicator's peers wait for.
    void finish_started() requires requires(Comm& world) { world.finish_started(); }
    { inner_->finish_started(); }
    /// Compares the call with every peer's. Collective.
    /// @throws as `perform`
    void announce(call const& what) {
        compare(what);
        inner_->announce(what);
    }
    /// Sends and receives the messages of `round` at the same time, once each has been compared; those of a schedule, whose call
    /// has been announced, are not compared again.
    /// @throws collective_mismatch  on both ranks, when a receive meets a send of another type or number of elements
    /// @throws usage_error  when `round` has two messages to, or from, one rank; what the wrapped communicator throws
    void exchange(std::span<message const> round, call const& what) {
        if (is_message(what.kind)) messages_.run(*inner_, round, what);
        else inner_->exchange(round, what);
    }
    /// Starts the messages of `round`, each of which is compared when both ranks have started it. Local.
    /// @param kept  keeps alive the operation that `what` points to
    /// @throws usage_error, and from `wait` and `ready` collective_mismatch, as `exchange`
    pending start_exchange(std::span<message const> round, call const& what, std::shared_ptr<void const> kept)
        requires starts_rounds<Comm>
    {
        if (is_message(what.kind)) return messages_.start(*inner_, round, what, std::move(kept));
        return inner_->start_exchange(round, what, std::move(kept));
    }
    /// Starts rounds of messages, which compare themselves or belong to what has been compared. Local.
    pending start_rounds(std::unique_ptr<message_rounds> rounds) requires starts_rounds<Comm>
    { return inner_->start_rounds(std::move(rounds)); }
    /// Ends the group, as the wrapped communicator does.
    void abort(std::string const& text) { inner_->abort(text); }

    /// The ranks that give the same `color` become a group of what the wrapped communicator is split into, checked, in the order of
    /// `key`, then of rank. Collective.
    /// @throws collective_mismatch  on every rank, when one calls something else
    auto split(int color, int key = 0) requires requires(Comm& world) { world.split(color, key); }
    {
        compare({.kind = collective::split});
        return part([&] { return inner_->split(color, key); });
    }
    /// The ranks of one host become a checked group. Collective.
    /// @throws as `split`
    auto split_by_host() requires requires(Comm& world) { world.split_by_host(); }
    {
        compare({.kind = collective::split_by_host});
        return part([&] { return inner_->split_by_host(); });
    }
    /// All ranks become another checked group, for another thread of each. Collective.
    /// @throws as `split`
    auto detach() requires detaches<Comm>
    {
        compare({.kind = collective::detach});
        return part([&] { return inner_->detach(); });
    }
    /// Whether the wrapped communicator's ranks can. Collective.
    /// @throws as `split`
    bool can_detach() requires detaches<Comm>
    {
        compare({.kind = collective::detach});
        return inner_->can_detach();
    }
    /// Memory as the wrapped communicator gives it. Collective.
    /// @throws as `split`, and as there
    template <class T>
    shared_array<T> allocate(std::size_t size) requires gives_memory<Comm>
    {
        compare({.kind = collective::allocate});
        return inner_->template allocate<T>(size);
    }
    /// The wrapped communicator's table.
    choice_table const& choices() requires has_choices<Comm>
    { return inner_->choices(); }

    /// Runs `body(world)` on the ranks of a new group; see `tutti::launch`.
    template <class Body>
    static void launch(launch_options const& options, Body&& body) {
        Comm::launch(options, [&](Comm& world) {
            checked mine{world};
            body(mine);
        });
    }

private:
    template <communicator Other>
    friend class checked;

    explicit checked(std::unique_ptr<Comm> own) : own_{std::move(own)}, inner_{own_.get()} {}
    template <class Make>
    static auto part(Make make) {
        using group = decltype(make());
        return checked<group>{std::unique_ptr<group>{new group(make())}};
    }

    void compare(call const& what) { detail::compare_call(*inner_, what, ++sequence_); }

    std::unique_ptr<Comm> own_;  // of a group that was split off
    Comm* inner_;
    std::uint64_t sequence_ = 0;
    detail::checked_messages<Comm> messages_{inner_->size()};
};

}  // namespace tutti::comm
