#pragma once

#include <tutti/concepts/communicator.hpp>
#include <tutti/concepts/elements.hpp>

#include <cstddef>
#include <memory>
#include <ranges>
#include <span>
#include <utility>

namespace tutti {
namespace detail {

template <class Comm, class Range>
call broadcast_call(Comm& world, Range&& data, int root) {
    using T = element_t<Range>;
    require_element<T>();
    require_writable<Range>();
    check_root("broadcast", root, world.size());
    auto* const bytes = bytes_of(data);
    return {.kind = collective::broadcast,
            .type = &element_type_of<T>,
            .in = bytes,
            .out = bytes,
            .count = std::ranges::size(data),
            .root = root};
}

}  // namespace detail

/// `data` of every rank equals that of rank `root`. Collective.
/// @param  data  n elements, as many on every rank; read on `root`, overwritten elsewhere
/// @throws usage_error  on the rank whose `root` is no rank;  collective_mismatch, peer_failed, timeout_error  on every rank
/// Cost:   threads: one copy per rank, straight from the root's buffer; above half a KiB the root waits for the last of them
template <communicator Comm, contiguous_elements Range>
void broadcast(Comm& world, Range&& data, int root) {
    world.perform(detail::broadcast_call(world, std::forward<Range>(data), root));
}

/// The value that rank `root` brings. Collective.
template <communicator Comm, class T>
    requires(!std::ranges::range<T>)
[[nodiscard]] T broadcast(Comm& world, T value, int root) {
    world.perform(detail::broadcast_call(world, std::span{std::addressof(value), 1}, root));
    return value;
}

/// Starts a broadcast; `data` belongs to it until `wait` returns. Collective.
template <communicator Comm, contiguous_elements Range>
[[nodiscard]] pending start_broadcast(Comm& world, Range&& data, int root) {
    return world.start(detail::broadcast_call(world, std::forward<Range>(data), root), nullptr);
}

}  // namespace tutti
