#pragma once

#include <tutti/collectives/execute.hpp>
#include <tutti/collectives/make_call.hpp>
#include <tutti/collectives/parts.hpp>
#include <tutti/concepts/communicator.hpp>
#include <tutti/concepts/elements.hpp>
#include <tutti/detail/least_standard.hpp>

#include <cstddef>
#include <memory>
#include <ranges>
#include <span>
#include <utility>
#include <vector>

namespace tutti {
namespace detail {

template <class Comm, class In, class Out, class Operation>
call reduce_scatter_call(Comm& world, In const& in, Out&& out, Operation const& operation) {
    std::size_t const count = size_of(out), ranks = static_cast<std::size_t>(world.size());
    auto const what = make_call(collective::reduce_scatter, in, std::forward<Out>(out), count, -1, operation);
    check_buffers("reduce_scatter", in, ranks * count, out, count, static_cast<std::size_t>(world.rank()) * count);
    return what;
}

template <class Comm, class In, class Out, class Counts, class Operation>
call reduce_scatter_v_call(Comm& world, In const& in, Out&& out, Counts const& counts, Operation const& operation) {
    auto const part = part_among<element_t<In>>("reduce_scatter_v", counts, world);
    auto what = make_call(collective::reduce_scatter, in, std::forward<Out>(out), part.largest, -1, operation);
    what.counts = part.counts;
    check_buffers("reduce_scatter_v", in, part.whole, out, part.count, part.first);
    return what;
}

}  // namespace detail

/// `out` of rank r holds, element by element, the fold under `operation` of part r of all ranks' `in`. Collective.
/// @param  in         ranks x n elements: one part for each rank
/// @param  out        n elements, as many on every rank; may be this rank's own part of `in`
/// @param  operation  associative; need not commute; may carry state, which should be equal on all ranks; or tutti::average{}
/// @throws usage_error  on the rank whose sizes differ;  collective_mismatch, peer_failed, timeout_error  on every rank
/// Cost:   threads: up to 544 B (two ranks: 160 B) of input one round; above, two. Each rank reads pn elements
/// Order:  as all_reduce
template <communicator Comm, elements_for<Comm> In, elements_for<Comm> Out, class Operation = std::plus<>,
          class Algorithm = algorithm::automatic>
void reduce_scatter(Comm& world, In const& in, Out&& out, Operation operation = {}, Algorithm algorithm = {}) {
    auto const what = detail::reduce_scatter_call(world, in, std::forward<Out>(out), operation);
    detail::perform<collective::reduce_scatter, element_t<In>, Operation>(world, what, algorithm);
    detail::finish<Operation>(out, world.size());
}

/// Starts a reduce_scatter; `in` and `out` belong to it until `wait` returns. Collective.
template <communicator Comm, elements_for<Comm> In, elements_for<Comm> Out, class Operation = std::plus<>,
          class Algorithm = algorithm::automatic>
[[nodiscard]] pending start_reduce_scatter(Comm& world, In const& in, Out&& out,
                                           Operation operation = {}, Algorithm algorithm = {}) {
    auto const kept = std::make_shared<Operation const>(std::move(operation));
    auto const what = detail::reduce_scatter_call(world, in, std::forward<Out>(out), *kept);
    auto running = detail::start<collective::reduce_scatter, element_t<In>, Operation>(world, what, kept, algorithm);
    return detail::finish_later<Operation>(std::move(running), out, world.size());
}

/// `out` of rank r holds, element by element, the fold under `operation` of part r of all ranks' `in`, where parts have different
/// numbers of elements. Collective.
/// @param  in         sum of counts elements, parts one after another in rank order
/// @param  out        counts[rank] elements; may be this rank's own part of `in`
/// @param  counts     elements of each rank's part, one number per rank, 0 included; equal on all ranks
/// @param  operation  associative; need not commute; may carry state, which should be equal on all ranks; or tutti::average{}
/// @throws usage_error  on the rank whose sizes do not fit its counts
/// @throws collective_mismatch  on every rank, when counts differ;  peer_failed, timeout_error  on every rank
/// Cost:   that of a reduce_scatter, and p counts compared with those of every peer
/// Order:  rank order
template <communicator Comm, elements_for<Comm> In, elements_for<Comm> Out, contiguous_elements Counts,
          class Operation = std::plus<>>
void reduce_scatter_v(Comm& world, In const& in, Out&& out, Counts const& counts, Operation operation = {}) {
    detail::perform(world, detail::reduce_scatter_v_call(world, in, std::forward<Out>(out), counts, operation));
    detail::finish<Operation>(out, world.size());
}

/// Starts a reduce_scatter_v; `in` and `out` belong to it until `wait` returns. The counts and the operation are kept. Collective.
template <communicator Comm, elements_for<Comm> In, elements_for<Comm> Out, contiguous_elements Counts,
          class Operation = std::plus<>>
[[nodiscard]] pending start_reduce_scatter_v(Comm& world, In const& in, Out&& out, Counts const& counts, Operation operation = {}) {
    using both = std::pair<std::vector<std::size_t>, Operation>;
    auto const kept = std::make_shared<both const>(detail::copy_of_counts(counts), std::move(operation));
    auto const what = detail::reduce_scatter_v_call(world, in, std::forward<Out>(out), kept->first, kept->second);
    return detail::finish_later<Operation>(detail::start(world, what, kept), out, world.size());
}

}  // namespace tutti
