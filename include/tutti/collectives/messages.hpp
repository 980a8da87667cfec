#pragma once

#include <tutti/concepts/communicator.hpp>
#include <tutti/concepts/elements.hpp>
#include <tutti/error.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <ranges>
#include <span>
#include <string>

namespace tutti {
namespace detail {

template <class Comm>
void check_peer(char const* what, Comm& world, int peer) {
    if (peer < 0 || peer >= world.size() || peer == world.rank())
        throw usage_error{"tutti: " + std::string{what} + ": rank " + std::to_string(peer) + " is no peer of rank " +
                          std::to_string(world.rank()) + " of " + std::to_string(world.size())};
}

template <class Range>
message message_of(message::action what, int peer, Range&& data) {
    require_element<element_t<Range>>();
    return {what, peer, bytes_of(data), std::ranges::size(data)};
}

}  // namespace detail

/// Rank `to` has received `data`. Between two ranks; meets a `receive` or an `exchange`.
/// @throws usage_error  when `to` is no other rank;  collective_mismatch  on both ranks, when the receiver expects something else
/// @throws peer_failed, timeout_error
/// Cost:   returns when the receiver has the data (rendezvous): two ranks that both send first wait for each other until they
///         time out; `exchange` is for them. Threads: one copy
template <communicator Comm, contiguous_elements Range>
void send(Comm& world, Range const& data, int to) {
    detail::check_peer("send", world, to);
    std::array const round{detail::message_of(message::action::send, to, data)};
    world.exchange(round, call{.kind = collective::send, .type = &element_type_of<element_t<Range>>, .count = round[0].count});
}

/// `data` holds what rank `from` has sent. Between two ranks; meets a `send` or an `exchange`.
/// @param  data  as many elements as are sent
/// @throws as `send`
template <communicator Comm, contiguous_elements Range>
void receive(Comm& world, Range&& data, int from) {
    detail::require_writable<Range>();
    detail::check_peer("receive", world, from);
    std::array const round{detail::message_of(message::action::receive, from, data)};
    world.exchange(round, call{.kind = collective::receive, .type = &element_type_of<element_t<Range>>, .count = round[0].count});
}

/// Rank `to` has received `out`, and `in` holds what rank `from` has sent, both at the same time. Between three ranks at most;
/// `to` and `from` may be this rank, both together.
/// @throws as `send`
template <communicator Comm, contiguous_elements Out, contiguous_elements In>
void exchange(Comm& world, Out const& out, int to, In&& in, int from) {
    using T = element_t<Out>;
    detail::require_writable<In>();
    detail::require_same_elements<T, element_t<In>>();
    std::size_t const count = std::ranges::size(out), bytes = count * sizeof(T);
    detail::check_overlap("exchange", std::ranges::data(out), bytes, std::ranges::data(in), std::ranges::size(in) * sizeof(T),
                          bytes);
    if (to == world.rank() && from == world.rank()) {
        detail::check_size("exchange", "the input", std::ranges::size(in), count);
        std::ranges::copy(out, std::ranges::begin(in));
        return;
    }
    detail::check_peer("exchange", world, to);
    detail::check_peer("exchange", world, from);
    std::array const round{detail::message_of(message::action::send, to, out),
                           detail::message_of(message::action::receive, from, in)};
    world.exchange(round, call{.kind = collective::exchange, .type = &element_type_of<T>, .count = count});
}

}  // namespace tutti
