#pragma once

#include <tutti/concepts/call.hpp>
#include <tutti/concepts/message_rounds.hpp>
#include <tutti/concepts/pending.hpp>
#include <tutti/concepts/shared_array.hpp>

#include <concepts>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

namespace tutti {

/// Knows its place in a group.
template <class Comm>
concept ranked = requires(Comm const& world) {
    { world.rank() } -> std::convertible_to<int>;
    { world.size() } -> std::convertible_to<int>;
};

/// Performs collectives of its own, each described by a `call`.
template <class Comm>
concept performs_collectives = requires(Comm& world, call const& what) { world.perform(what); };

/// Performs them with their types at hand, and leaves out of the program what these never need. Optional: what is performed is the same.
template <class Comm>
concept performs_typed_collectives =
    requires(Comm& world, call const& what) { world.template perform<collective::barrier, void, void>(what); };

/// Starts collectives of its own, each a `pending`, which keeps alive what the call points to besides its buffers.
template <class Comm>
concept starts_collectives = requires(Comm& world, call const& what, std::shared_ptr<void const> kept) {
    { world.start(what, kept) } -> std::same_as<pending>;
};

/// Compares a call with the peers' and moves messages between two ranks, each in its lane: all that a schedule needs.
template <class Comm>
concept exchanges_messages = requires(Comm& world, call const& what, std::span<message const> round) {
    world.announce(what);
    world.exchange(round, what);
};

/// Starts messages between two ranks without waiting for the peer. Optional: what `start_send` and its like need.
template <class Comm>
concept starts_messages = requires(Comm& world, std::span<message const> round, call const& what,
                                   std::shared_ptr<void const> kept) {
    { world.start_exchange(round, what, kept) } -> std::same_as<pending>;
};

/// Starts rounds of messages, one after the other: what `comm::checked` needs to compare a started message. Optional.
template <class Comm>
concept starts_rounds = requires(Comm& world, std::unique_ptr<message_rounds> rounds) {
    { world.start_rounds(std::move(rounds)) } -> std::same_as<pending>;
};

/// Starts a collective whose data moves by rounds of messages: a schedule. Optional: elsewhere it is performed at once.
template <class Comm>
concept starts_schedules = requires(Comm& world, call const& what, std::unique_ptr<message_rounds> rounds,
                                    std::shared_ptr<void const> kept) {
    { world.start_schedule(what, std::move(rounds), kept) } -> std::same_as<pending>;
};

/// Gives memory that the peers can reach. Optional.
template <class Comm>
concept gives_memory = requires(Comm& world) {
    { world.template allocate<int>(std::size_t{}) } -> std::same_as<shared_array<int>>;
};

/// Splits into groups: `split(color, key)` gives each rank the group of those that give the same color, in the order of key.
/// Optional: what a mesh needs.
template <class Comm>
concept splits = requires(Comm& world, int color, int key) { world.split(color, key); };

/// Gives the same ranks, numbered alike, as a group of their own that another thread of each rank may use while the rank goes on
/// with this one. Optional: what exchanges while a rank computes needs it, or else goes on only when that rank calls something.
/// Laws: `can_detach()` is the same on all ranks; `detach()` is a collective, called only where that is true; what is started on
/// one of the two groups does nothing for the other; they end together; the detached one does not outlive the other, and is built
/// and destroyed by the rank's own thread.
template <class Comm>
concept detaches = requires(Comm& world) {
    { world.can_detach() } -> std::convertible_to<bool>;
    world.detach();
};

/// Can end the group.
template <class Comm>
concept aborts = requires(Comm& world, std::string const& text) { world.abort(text); };

namespace detail {

/// True; an error that says so where a world is const, and would be a communicator if it were not: otherwise every collective on it
/// would be called unknown.
template <class Comm>
constexpr bool may_talk() {
    using world = std::remove_const_t<Comm>;
    static_assert(std::is_same_v<Comm, world> || exchanges_messages<Comm> || !exchanges_messages<world>,
                  "tutti: world is const, and a rank that talks changes it; take it as in [](auto& world) { ... }");
    return true;
}

}  // namespace detail

/// What a rank holds to talk to its group. One object per rank, used by that rank alone. It may perform and start collectives
/// of its own too; where it does not, they are schedules over its messages, and what is started is performed at once.
/// Laws: 0 <= rank() < size(), and both stay as they are; every rank makes the same calls in the same order, started ones
/// included; messages from one rank to another arrive in the order of their calls within a lane; a result that all ranks get is the
/// same on all of them, bit for bit; what a communicator performs itself is folded in rank order; elements are any trivially
/// copyable type; calls that do not match, a rank that fails and a rank that does not come are reported to every rank as
/// `collective_mismatch`, `peer_failed` and `timeout_error`, and none hangs.
template <class Comm>
concept communicator = detail::may_talk<Comm>() && ranked<Comm> && exchanges_messages<Comm> && aborts<Comm>;

}  // namespace tutti
