#pragma once

#include <tutti/comm/launch.hpp>
#include <tutti/concepts/call.hpp>
#include <tutti/concepts/communicator.hpp>
#include <tutti/concepts/pending.hpp>
#include <tutti/detail/call_signature.hpp>
#include <tutti/detail/checked_messages.hpp>

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
/// Cost:   one all_gather of 80 bytes per rank before each call; for a message, two small messages between the ranks. Comparing
///         waits for the peers, at the start of a started call too, and by that for all calls started before. The exchange with
///         two different peers waits for both before its data move: ranks that rely on one of them being served first time out.
/// Limits: messages cannot be started.
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
    void perform(call const& what) {
        compare(what);
        inner_->perform(what);
    }
    /// Starts one collective, once all ranks are known to start the same. Collective.
    /// @throws as `perform`
    pending start(call const& what, std::shared_ptr<void const> kept) {
        compare(what);
        return inner_->start(what, std::move(kept));
    }
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
    /// Ends the group, as the wrapped communicator does.
    void abort(std::string const& text) { inner_->abort(text); }

    /// The ranks that give the same `color` become a checked group, in the order of `key`, then of rank. Collective.
    /// @throws collective_mismatch  on every rank, when one calls something else
    checked split(int color, int key = 0) requires requires(Comm& world) { world.split(color, key); }
    {
        compare({.kind = collective::split});
        return checked{std::unique_ptr<Comm>{new Comm(inner_->split(color, key))}};
    }
    /// The ranks of one host become a checked group. Collective.
    /// @throws as `split`
    checked split_by_host() requires requires(Comm& world) { world.split_by_host(); }
    {
        compare({.kind = collective::split_by_host});
        return checked{std::unique_ptr<Comm>{new Comm(inner_->split_by_host())}};
    }

    /// Runs `body(world)` on the ranks of a new group; see `tutti::launch`.
    template <class Body>
    static void launch(launch_options const& options, Body&& body) {
        Comm::launch(options, [&](Comm& world) {
            checked mine{world};
            body(mine);
        });
    }

private:
    explicit checked(std::unique_ptr<Comm> own) : own_{std::move(own)}, inner_{own_.get()} {}

    void compare(call const& what) { detail::compare_call(*inner_, what, ++sequence_); }

    std::unique_ptr<Comm> own_;  // of a group that was split off
    Comm* inner_;
    std::uint64_t sequence_ = 0;
    detail::checked_messages<Comm> messages_;
};

}  // namespace tutti::comm
