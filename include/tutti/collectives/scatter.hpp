#pragma once

#include <tutti/collectives/execute.hpp>
#include <tutti/collectives/make_call.hpp>
#include <tutti/concepts/communicator.hpp>
#include <tutti/concepts/elements.hpp>

#include <cstddef>
#include <memory>
#include <ranges>
#include <utility>

namespace tutti {
namespace detail {

template <class Comm, class In, class Out>
call scatter_call(Comm& world, In const& in, Out&& out, int root) {
    std::size_t const count = std::ranges::size(out), ranks = static_cast<std::size_t>(world.size());
    auto const what = make_call(collective::scatter, in, std::forward<Out>(out), count, root);
    check_root("scatter", root, world.size());
    if (world.rank() == root) check_buffers("scatter", in, ranks * count, out, count, static_cast<std::size_t>(root) * count);
    return what;
}

}  // namespace detail

/// `out` of rank r holds part r of rank `root`'s `in`. Collective.
/// @param  in   ranks x n elements on `root`; not looked at elsewhere
/// @param  out  n elements, as many on every rank; on `root` it may be its own part of `in`
/// @throws usage_error  on the rank whose arguments do not fit;  collective_mismatch, peer_failed, timeout_error  on every rank
/// Cost:   threads: one copy per rank, above half a KiB in all straight from the root's buffer
template <communicator Comm, contiguous_elements In, contiguous_elements Out, class Algorithm = algorithm::automatic>
void scatter(Comm& world, In const& in, Out&& out, int root, Algorithm algorithm = {}) {
    detail::perform<collective::scatter, element_t<In>>(world, detail::scatter_call(world, in, std::forward<Out>(out), root),
                                                        algorithm);
}

/// Starts a scatter; `in` and `out` belong to it until `wait` returns. Collective.
template <communicator Comm, contiguous_elements In, contiguous_elements Out>
[[nodiscard]] pending start_scatter(Comm& world, In const& in, Out&& out, int root) {
    return world.start(detail::scatter_call(world, in, std::forward<Out>(out), root), nullptr);
}

}  // namespace tutti
