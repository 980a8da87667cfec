#pragma once

#include <tutti/collectives/execute.hpp>
#include <tutti/collectives/make_call.hpp>
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
    check_root("broadcast", root, world.size());
    return make_call(collective::broadcast, data, std::forward<Range>(data), size_of(data), root);
}

}  // namespace detail

/// `data` of every rank equals that of rank `root`. Collective.
/// @param  data  n elements, as many on every rank; read on `root`, overwritten elsewhere
/// @throws usage_error  on the rank whose `root` is no rank;  collective_mismatch, peer_failed, timeout_error  on every rank
/// Cost:   threads: one copy per rank, straight from the root's buffer; the root waits for them above 544 B (two ranks: 160 B)
template <communicator Comm, elements_for<Comm> Range, class Algorithm = algorithm::automatic>
void broadcast(Comm& world, Range&& data, int root, Algorithm algorithm = {}) {
    auto const what = detail::broadcast_call(world, std::forward<Range>(data), root);
    detail::perform<collective::broadcast, element_t<Range>>(world, what, algorithm);
}

/// The value that rank `root` brings. Collective.
template <communicator Comm, element_for<Comm> T>
[[nodiscard]] T broadcast(Comm& world, T value, int root) {
    detail::perform<collective::broadcast, T>(world, detail::broadcast_call(world, std::span{std::addressof(value), 1}, root));
    return value;
}

/// Starts a broadcast; `data` belongs to it until `wait` returns. Collective.
template <communicator Comm, elements_for<Comm> Range, class Algorithm = algorithm::automatic>
[[nodiscard]] pending start_broadcast(Comm& world, Range&& data, int root, Algorithm algorithm = {}) {
    auto const what = detail::broadcast_call(world, std::forward<Range>(data), root);
    return detail::start<collective::broadcast, element_t<Range>>(world, what, nullptr, algorithm);
}

/// Starts a broadcast of one value: `value` belongs to it until `wait` returns. Collective.
template <communicator Comm, element_for<Comm> T>
[[nodiscard]] pending start_broadcast(Comm& world, T& value, int root) {
    return start_broadcast(world, std::span{std::addressof(value), 1}, root);
}

}  // namespace tutti
