#pragma once

#include <tutti/collectives/all_gather.hpp>
#include <tutti/collectives/execute.hpp>
#include <tutti/collectives/make_call.hpp>
#include <tutti/collectives/parts.hpp>
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
    std::size_t const count = size_of(in), ranks = static_cast<std::size_t>(world.size());
    auto const what = make_call(collective::gather, in, std::forward<Out>(out), count, root);
    check_root("gather", root, world.size());
    if (world.rank() == root) check_buffers("gather", in, count, out, ranks * count, static_cast<std::size_t>(root) * count);
    return what;
}

template <class Comm, class In, class Out, class Counts>
call gather_v_call(Comm& world, In const& in, Out&& out, Counts const& counts, int root) {
    auto const part = part_among<element_t<In>>("gather_v", counts, world);
    auto what = make_call(collective::gather, in, std::forward<Out>(out), part.largest, root);
    what.counts = part.counts;
    check_root("gather_v", root, world.size());
    if (world.rank() == root) check_buffers("gather_v", in, part.count, out, part.whole, part.first);
    else check_size("gather_v", "the input", size_of(in), part.count);
    return what;
}

}  // namespace detail

/// `out` of rank `root` holds every rank's `in`, in rank order. Collective.
/// @param  in   n elements, as many on every rank; on `root` it may be its own place in `out`
/// @param  out  ranks x n elements on `root`; not looked at elsewhere
/// @throws usage_error  on the rank whose arguments do not fit;  collective_mismatch, peer_failed, timeout_error  on every rank
/// Cost:   threads: above 544 B (two ranks: 160 B) every rank writes its part into the root's buffer
template <communicator Comm, elements_for<Comm> In, elements_for<Comm> Out, class Algorithm = algorithm::automatic>
void gather(Comm& world, In const& in, Out&& out, int root, Algorithm algorithm = {}) {
    detail::perform<collective::gather, element_t<In>>(world, detail::gather_call(world, in, std::forward<Out>(out), root),
                                                       algorithm);
}

/// Every rank's value, in rank order, on rank `root`; nothing elsewhere. Collective.
template <communicator Comm, element_for<Comm> T>
[[nodiscard]] std::vector<T> gather(Comm& world, T const& value, int root) {
    std::vector<T> all(world.rank() == root ? static_cast<std::size_t>(world.size()) : 0, value);
    gather(world, std::span{std::addressof(value), 1}, all, root);
    return all;
}

/// Starts a gather; `in` and `out` belong to it until `wait` returns. Collective.
template <communicator Comm, elements_for<Comm> In, elements_for<Comm> Out, class Algorithm = algorithm::automatic>
[[nodiscard]] pending start_gather(Comm& world, In const& in, Out&& out, int root, Algorithm algorithm = {}) {
    auto const what = detail::gather_call(world, in, std::forward<Out>(out), root);
    return detail::start<collective::gather, element_t<In>>(world, what, nullptr, algorithm);
}

/// `out` of rank `root` holds every rank's `in`, one after another in rank order, where ranks bring different numbers of elements.
/// Collective.
/// @param  in      counts[rank] elements; on `root` it may be its own place in `out`
/// @param  out     sum of counts elements on `root`; not looked at elsewhere
/// @param  counts  elements that each rank brings, one number per rank, 0 included; equal on all ranks
/// @throws usage_error  on the rank whose arguments do not fit
/// @throws collective_mismatch  on every rank, when counts differ;  peer_failed, timeout_error  on every rank
/// Cost:   that of a gather, and p counts compared with those of every peer
template <communicator Comm, elements_for<Comm> In, elements_for<Comm> Out, contiguous_elements Counts>
void gather_v(Comm& world, In const& in, Out&& out, Counts const& counts, int root) {
    detail::perform(world, detail::gather_v_call(world, in, std::forward<Out>(out), counts, root));
}

/// On rank `root` every rank's `in`, one after another in rank order, where no rank knows how many elements the others bring;
/// nothing elsewhere. Collective.
/// Cost:   that of an all_gather of one number and of a gather_v
template <communicator Comm, elements_for<Comm> In>
[[nodiscard]] std::vector<element_t<In>> gather_v(Comm& world, In const& in, int root) {
    detail::check_root("gather_v", root, world.size());
    std::vector<std::size_t> const counts = all_gather(world, detail::size_of(in));
    auto const whole = detail::part_among<element_t<In>>("gather_v", counts, world).whole;
    std::vector<element_t<In>> all(world.rank() == root ? whole : 0);
    gather_v(world, in, all, counts, root);
    return all;
}

/// Starts a gather_v; `in` and `out` belong to it until `wait` returns. The counts are copied. Collective.
template <communicator Comm, elements_for<Comm> In, elements_for<Comm> Out, contiguous_elements Counts>
[[nodiscard]] pending start_gather_v(Comm& world, In const& in, Out&& out, Counts const& counts, int root) {
    auto const kept = std::make_shared<std::vector<std::size_t> const>(detail::copy_of_counts(counts));
    return detail::start(world, detail::gather_v_call(world, in, std::forward<Out>(out), *kept, root), kept);
}

/// Starts a gather of one value: `value` and, on `root`, `out`, one element per rank, belong to it until `wait` returns.
/// Collective.
template <communicator Comm, element_for<Comm> T, elements_for<Comm> Out>
[[nodiscard]] pending start_gather(Comm& world, T& value, Out&& out, int root) {
    return start_gather(world, std::span{std::addressof(value), 1}, std::forward<Out>(out), root);
}

}  // namespace tutti
