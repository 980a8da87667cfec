#pragma once

#include <tutti/collectives/execute.hpp>
#include <tutti/collectives/make_call.hpp>
#include <tutti/collectives/parts.hpp>
#include <tutti/concepts/communicator.hpp>
#include <tutti/concepts/elements.hpp>

#include <cstddef>
#include <memory>
#include <ranges>
#include <utility>
#include <vector>

namespace tutti {
namespace detail {

template <class Comm, class In, class Out>
call scatter_call(Comm& world, In const& in, Out&& out, int root) {
    std::size_t const count = size_of(out), ranks = static_cast<std::size_t>(world.size());
    auto const what = make_call(collective::scatter, in, std::forward<Out>(out), count, root);
    check_root("scatter", root, world.size());
    if (world.rank() == root) check_buffers("scatter", in, ranks * count, out, count, static_cast<std::size_t>(root) * count);
    return what;
}

template <class Comm, class In, class Out, class Counts>
call scatter_v_call(Comm& world, In const& in, Out&& out, Counts const& counts, int root) {
    auto const part = part_among<element_t<In>>("scatter_v", counts, world);
    auto what = make_call(collective::scatter, in, std::forward<Out>(out), part.largest, root);
    what.counts = part.counts;
    check_root("scatter_v", root, world.size());
    if (world.rank() == root) check_buffers("scatter_v", in, part.whole, out, part.count, part.first);
    else check_size("scatter_v", "the output", size_of(out), part.count);
    return what;
}

}  // namespace detail

/// `out` of rank r holds part r of rank `root`'s `in`. Collective.
/// @param  in   ranks x n elements on `root`; not looked at elsewhere
/// @param  out  n elements, as many on every rank; on `root` it may be its own part of `in`
/// @throws usage_error  on the rank whose arguments do not fit;  collective_mismatch, peer_failed, timeout_error  on every rank
/// Cost:   threads: one copy per rank, above 544 B (two ranks: 160 B) in all straight from the root's buffer
template <communicator Comm, elements_for<Comm> In, elements_for<Comm> Out, class Algorithm = algorithm::automatic>
void scatter(Comm& world, In const& in, Out&& out, int root, Algorithm algorithm = {}) {
    detail::perform<collective::scatter, element_t<In>>(world, detail::scatter_call(world, in, std::forward<Out>(out), root),
                                                        algorithm);
}

/// Starts a scatter; `in` and `out` belong to it until `wait` returns. Collective.
template <communicator Comm, elements_for<Comm> In, elements_for<Comm> Out, class Algorithm = algorithm::automatic>
[[nodiscard]] pending start_scatter(Comm& world, In const& in, Out&& out, int root, Algorithm algorithm = {}) {
    auto const what = detail::scatter_call(world, in, std::forward<Out>(out), root);
    return detail::start<collective::scatter, element_t<In>>(world, what, nullptr, algorithm);
}

/// `out` of rank r holds part r of rank `root`'s `in`, where parts have different numbers of elements. Collective.
/// @param  in      sum of counts elements on `root`, parts one after another in rank order; not looked at elsewhere
/// @param  out     counts[rank] elements; on `root` it may be its own part of `in`
/// @param  counts  elements of each rank's part, one number per rank, 0 included; equal on all ranks
/// @throws usage_error  on the rank whose arguments do not fit
/// @throws collective_mismatch  on every rank, when counts differ;  peer_failed, timeout_error  on every rank
/// Cost:   that of a scatter, and p counts compared with those of every peer
template <communicator Comm, elements_for<Comm> In, elements_for<Comm> Out, contiguous_elements Counts>
void scatter_v(Comm& world, In const& in, Out&& out, Counts const& counts, int root) {
    detail::perform(world, detail::scatter_v_call(world, in, std::forward<Out>(out), counts, root));
}

/// Starts a scatter_v; `in` and `out` belong to it until `wait` returns. The counts are copied. Collective.
template <communicator Comm, elements_for<Comm> In, elements_for<Comm> Out, contiguous_elements Counts>
[[nodiscard]] pending start_scatter_v(Comm& world, In const& in, Out&& out, Counts const& counts, int root) {
    auto const kept = std::make_shared<std::vector<std::size_t> const>(detail::copy_of_counts(counts));
    return detail::start(world, detail::scatter_v_call(world, in, std::forward<Out>(out), *kept, root), kept);
}

}  // namespace tutti
