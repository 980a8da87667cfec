#pragma once

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
call all_gather_call(Comm& world, In const& in, Out&& out) {
    std::size_t const count = size_of(in), ranks = static_cast<std::size_t>(world.size());
    auto const what = make_call(collective::all_gather, in, std::forward<Out>(out), count);
    check_buffers("all_gather", in, count, out, ranks * count, static_cast<std::size_t>(world.rank()) * count);
    return what;
}

template <class Comm, class In, class Out, class Counts>
call all_gather_v_call(Comm& world, In const& in, Out&& out, Counts const& counts) {
    auto const part = part_among<element_t<In>>("all_gather_v", counts, world);
    auto what = make_call(collective::all_gather, in, std::forward<Out>(out), part.largest);
    what.counts = part.counts;
    check_buffers("all_gather_v", in, part.count, out, part.whole, part.first);
    return what;
}

}  // namespace detail

/// `out` of every rank holds every rank's `in`, in rank order. Collective.
/// @param  in   n elements, as many on every rank; may be this rank's own place in `out`
/// @param  out  ranks x n elements
/// @throws usage_error  on the rank whose sizes differ;  collective_mismatch, peer_failed, timeout_error  on every rank
/// Cost:   threads: pn bytes copied per rank, straight from the peers' buffers above 544 B (two ranks: 160 B)
template <communicator Comm, elements_for<Comm> In, elements_for<Comm> Out, class Algorithm = algorithm::automatic>
void all_gather(Comm& world, In const& in, Out&& out, Algorithm algorithm = {}) {
    auto const what = detail::all_gather_call(world, in, std::forward<Out>(out));
    detail::perform<collective::all_gather, element_t<In>>(world, what, algorithm);
}

/// Every rank's value, in rank order. Collective.
template <communicator Comm, element_for<Comm> T>
[[nodiscard]] std::vector<T> all_gather(Comm& world, T const& value) {
    std::vector<T> all(static_cast<std::size_t>(world.size()), value);
    all_gather(world, std::span{std::addressof(value), 1}, all);
    return all;
}

/// Starts an all_gather; `in` and `out` belong to it until `wait` returns. Collective.
template <communicator Comm, elements_for<Comm> In, elements_for<Comm> Out, class Algorithm = algorithm::automatic>
[[nodiscard]] pending start_all_gather(Comm& world, In const& in, Out&& out, Algorithm algorithm = {}) {
    auto const what = detail::all_gather_call(world, in, std::forward<Out>(out));
    return detail::start<collective::all_gather, element_t<In>>(world, what, nullptr, algorithm);
}

/// `out` of every rank holds every rank's `in`, one after another in rank order, where ranks bring different numbers of elements.
/// Collective.
/// @param  in      counts[rank] elements; may be this rank's own place in `out`
/// @param  out     sum of counts elements
/// @param  counts  elements that each rank brings, one number per rank, 0 included; equal on all ranks
/// @throws usage_error  on the rank whose sizes do not fit its counts
/// @throws collective_mismatch  on every rank, when counts differ;  peer_failed, timeout_error  on every rank
/// Cost:   that of an all_gather, and p counts compared with those of every peer
template <communicator Comm, elements_for<Comm> In, elements_for<Comm> Out, contiguous_elements Counts>
void all_gather_v(Comm& world, In const& in, Out&& out, Counts const& counts) {
    detail::perform(world, detail::all_gather_v_call(world, in, std::forward<Out>(out), counts));
}

/// Every rank's `in`, one after another in rank order, where no rank knows how many elements the others bring. Collective.
/// Cost:   that of an all_gather of one number and of an all_gather_v
template <communicator Comm, elements_for<Comm> In>
[[nodiscard]] std::vector<element_t<In>> all_gather_v(Comm& world, In const& in) {
    std::vector<std::size_t> const counts = all_gather(world, detail::size_of(in));
    std::vector<element_t<In>> all(detail::part_among<element_t<In>>("all_gather_v", counts, world).whole);
    all_gather_v(world, in, all, counts);
    return all;
}

/// Starts an all_gather_v; `in` and `out` belong to it until `wait` returns. The counts are copied. Collective.
template <communicator Comm, elements_for<Comm> In, elements_for<Comm> Out, contiguous_elements Counts>
[[nodiscard]] pending start_all_gather_v(Comm& world, In const& in, Out&& out, Counts const& counts) {
    auto const kept = std::make_shared<std::vector<std::size_t> const>(detail::copy_of_counts(counts));
    return detail::start(world, detail::all_gather_v_call(world, in, std::forward<Out>(out), *kept), kept);
}

/// Starts an all_gather of one value: `value` and `out`, one element per rank, belong to it until `wait` returns. Collective.
template <communicator Comm, element_for<Comm> T, elements_for<Comm> Out>
[[nodiscard]] pending start_all_gather(Comm& world, T& value, Out&& out) {
    return start_all_gather(world, std::span{std::addressof(value), 1}, std::forward<Out>(out));
}

}  // namespace tutti
