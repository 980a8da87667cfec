#pragma once

#include <tutti/concepts/communicator.hpp>
#include <tutti/concepts/elements.hpp>
#include <tutti/concepts/pending.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <ranges>
#include <span>
#include <string>
#include <utility>

namespace tutti {
namespace detail {

template <class Comm>
void check_peer(char const* what, Comm& world, int peer) {
    if (peer < 0 || peer >= world.size() || peer == world.rank())
        raise<usage_error>({"tutti: ", what, ": rank ", peer, " is no peer of rank ", world.rank(), " of ", world.size()});
}

template <class Range>
message message_of(message::action what, int peer, Range&& data) {
    require_element<element_t<Range>>();
    return {what, peer, bytes_of(data), size_of(data)};
}

template <class Range>
call message_call(collective kind, std::size_t count) {
    return {.kind = kind, .type = &element_type_of<element_t<Range>>, .count = count, .where = space_of<Range>};
}

template <class Comm>
pending start_messages(Comm& world, std::span<message const> round, call const& what) {
    static_assert(starts_messages<Comm>,
                  "tutti: this communicator cannot start messages: use send, receive and exchange, which wait; see starts_messages "
                  "in tutti/concepts/communicator.hpp");
    return world.start_exchange(round, what, nullptr);
}

/// What the two forms of `exchange` check. True when the rank exchanges with itself, and the copy is made.
template <class Comm, class Out, class In>
bool prepare_exchange(Comm& world, Out const& out, int to, In&& in, int from) {
    using T = element_t<Out>;
    require_writable<In>();
    require_same_elements<T, element_t<In>>();
    std::size_t const count = size_of(out), in_bytes = size_of(in) * sizeof(T);
    check_overlap("exchange", data_of(out), count * sizeof(T), data_of(in), in_bytes, in_bytes);  // never in place
    if (to == world.rank() && from == world.rank()) {
        check_size("exchange", "the input", size_of(in), count);
        if constexpr (device_elements<Out>) return false;  // the communicator copies there
        else return std::ranges::copy(out, std::ranges::begin(in)), true;
    }
    check_peer("exchange", world, to);
    check_peer("exchange", world, from);
    return false;
}

}  // namespace detail

/// Rank `to` has received `data`. Between two ranks; meets a `receive` or an `exchange`.
/// @throws usage_error  when `to` is no other rank;  collective_mismatch  on both ranks, when the receiver expects something else
/// @throws peer_failed, timeout_error
/// Cost:   returns when the receiver has the data (rendezvous): two ranks that both send first wait for each other until they
///         time out; `exchange` is for them. Threads: one copy
template <communicator Comm, elements_for<Comm> Range>
void send(Comm& world, Range const& data, int to) {
    detail::check_peer("send", world, to);
    std::array const round{detail::message_of(message::action::send, to, data)};
    world.exchange(round, detail::message_call<Range>(collective::send, round[0].count));
}

/// `data` holds what rank `from` has sent. Between two ranks; meets a `send` or an `exchange`.
/// @param  data  as many elements as are sent
/// @throws as `send`
template <communicator Comm, elements_for<Comm> Range>
void receive(Comm& world, Range&& data, int from) {
    detail::require_writable<Range>();
    detail::check_peer("receive", world, from);
    std::array const round{detail::message_of(message::action::receive, from, data)};
    world.exchange(round, detail::message_call<Range>(collective::receive, round[0].count));
}

/// Rank `to` has received `out`, and `in` holds what rank `from` has sent, both at the same time. Between three ranks at most;
/// `to` and `from` may be this rank, both together.
/// @throws as `send`
template <communicator Comm, elements_for<Comm> Out, elements_for<Comm> In>
void exchange(Comm& world, Out const& out, int to, In&& in, int from) {
    if (detail::prepare_exchange(world, out, to, std::forward<In>(in), from)) return;
    std::array const round{detail::message_of(message::action::send, to, out),
                           detail::message_of(message::action::receive, from, in)};
    world.exchange(round, detail::message_call<Out>(collective::exchange, round[0].count));
}

/// Starts a send; `data` belongs to it until `wait` returns, when rank `to` has received it. Between two ranks: messages between
/// the same two arrive in the order of their calls, started or not, and wait for no collective and no other rank.
/// @throws usage_error  when `to` is no other rank;  peer_failed  when the group has ended
template <communicator Comm, elements_for<Comm> Range>
[[nodiscard]] pending start_send(Comm& world, Range&& data, int to) {
    detail::require_lasting<Range>();
    detail::check_peer("start_send", world, to);
    std::array const round{detail::message_of(message::action::send, to, data)};
    return detail::start_messages(world, round, detail::message_call<Range>(collective::send, round[0].count));
}

/// Starts a receive; `data` belongs to it until `wait` returns, and then holds what rank `from` has sent. Between two ranks.
/// @throws as `start_send`
template <communicator Comm, elements_for<Comm> Range>
[[nodiscard]] pending start_receive(Comm& world, Range&& data, int from) {
    detail::require_writable<Range>();
    detail::check_peer("start_receive", world, from);
    std::array const round{detail::message_of(message::action::receive, from, data)};
    return detail::start_messages(world, round, detail::message_call<Range>(collective::receive, round[0].count));
}

/// Starts an exchange; `out` and `in` belong to it until `wait` returns. Between three ranks at most.
/// @throws as `start_send`
template <communicator Comm, elements_for<Comm> Out, elements_for<Comm> In>
[[nodiscard]] pending start_exchange(Comm& world, Out&& out, int to, In&& in, int from) {
    detail::require_lasting<Out>();
    if (detail::prepare_exchange(world, out, to, std::forward<In>(in), from)) return {};
    std::array const round{detail::message_of(message::action::send, to, out),
                           detail::message_of(message::action::receive, from, in)};
    return detail::start_messages(world, round, detail::message_call<Out>(collective::exchange, round[0].count));
}

}  // namespace tutti
