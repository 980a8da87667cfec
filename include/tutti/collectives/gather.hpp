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
#include <vector>

namespace tutti {
namespace detail {

template <class Comm, class In, class Out>
call gather_call(Comm& world, In const& in, Out&& out, int root) {
    std::size_t const count = std::ranges::size(in), ranks = static_cast<std::size_t>(world.size());
    auto const what = make_call(collective::gather, in, std::forward<Out>(out), count, root);
    check_root("gather", root, world.size());
    if (world.rank() == root) check_buffers("gather", in, count, out, ranks * count, static_cast<std::size_t>(root) * count);
    return what;
}

}  // namespace detail

/// `out` of rank `root` holds every rank's `in`, in rank order. Collective.
/// @param  in   n elements, as many on every rank; on `root` it may be its own place in `out`
/// @param  out  ranks x n elements on `root`; not looked at elsewhere
/// @throws usage_error  on the rank whose arguments do not fit;  collective_mismatch, peer_failed, timeout_error  on every rank
/// Cost:   threads: above half a KiB every rank writes its part into the root's buffer
template <communicator Comm, contiguous_elements In, contiguous_elements Out, class Algorithm = algorithm::automatic>
void gather(Comm& world, In const& in, Out&& out, int root, Algorithm algorithm = {}) {
    detail::perform<collective::gather, element_t<In>>(world, detail::gather_call(world, in, std::forward<Out>(out), root),
                                                       algorithm);
}

/// Every rank's value, in rank order, on rank `root`; nothing elsewhere. Collective.
template <communicator Comm, single_element T>
[[nodiscard]] std::vector<T> gather(Comm& world, T const& value, int root) {
    std::vector<T> all(world.rank() == root ? static_cast<std::size_t>(world.size()) : 0, value);
    gather(world, std::span{std::addressof(value), 1}, all, root);
    return all;
}

/// Starts a gather; `in` and `out` belong to it until `wait` returns. Collective.
template <communicator Comm, contiguous_elements In, contiguous_elements Out>
[[nodiscard]] pending start_gather(Comm& world, In const& in, Out&& out, int root) {
    return world.start(detail::gather_call(world, in, std::forward<Out>(out), root), nullptr);
}

}  // namespace tutti
