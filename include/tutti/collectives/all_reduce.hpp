#pragma once

#include <tutti/collectives/execute.hpp>
#include <tutti/collectives/make_call.hpp>
#include <tutti/concepts/communicator.hpp>
#include <tutti/concepts/elements.hpp>
#include <tutti/detail/least_standard.hpp>

#include <cstddef>
#include <memory>
#include <ranges>
#include <span>
#include <type_traits>
#include <utility>

namespace tutti {
namespace detail {

template <class In, class Out, class Operation>
call all_reduce_call(In const& in, Out&& out, Operation const& operation) {
    std::size_t const count = size_of(in);
    auto const what = make_call(collective::all_reduce, in, std::forward<Out>(out), count, -1, operation);
    check_buffers("all_reduce", in, count, out, count);
    return what;
}

}  // namespace detail

/// `out` of every rank holds, element by element, the fold of all ranks' `in` under `operation`. Collective.
/// @param  in         n elements, as many on every rank
/// @param  out        n elements; may be `in` itself
/// @param  operation  associative; need not commute; may carry state, which should be equal on all ranks; or tutti::average{}
/// @param  algorithm  such as tutti::algorithm::ring{}
/// @throws usage_error  on the rank whose sizes differ;  collective_mismatch, peer_failed, timeout_error  on every rank
/// Cost:   threads: up to 544 B (two ranks: 160 B) one round, each rank reading pn bytes; above, two, moving 2pn bytes in all
/// Order:  rank order, ((r0 + r1) + r2) + ..., on threads and in memory that ranks share: equal on all ranks and from run to run. Over
///         messages an operation that is known to commute is folded in the algorithm's order, MPI's own calls in MPI's.
template <communicator Comm, elements_for<Comm> In, elements_for<Comm> Out, class Operation = std::plus<>,
          class Algorithm = algorithm::automatic>
void all_reduce(Comm& world, In const& in, Out&& out, Operation operation = {}, Algorithm algorithm = {}) {
    auto const what = detail::all_reduce_call(in, std::forward<Out>(out), operation);
    detail::perform<collective::all_reduce, element_t<In>, Operation>(world, what, algorithm);
    detail::finish<Operation>(out, world.size());
}

/// As above, in place: `data` is replaced by the fold of all ranks' `data`. Collective.
template <communicator Comm, elements_for<Comm> Range, class Operation = std::plus<>, class Algorithm = algorithm::automatic>
    requires(!detail::many_elements<Operation>)
void all_reduce(Comm& world, Range&& data, Operation operation = {}, Algorithm algorithm = {}) {
    auto const what = detail::all_reduce_call(data, std::forward<Range>(data), operation);
    detail::perform<collective::all_reduce, element_t<Range>, Operation>(world, what, algorithm);
    detail::finish<Operation>(data, world.size());
}

/// The fold of one value per rank. Collective.
template <communicator Comm, element_for<Comm> T, class Operation = std::plus<>>
    requires(!detail::many_elements<Operation>)
[[nodiscard]] T all_reduce(Comm& world, T value, Operation operation = {}) {
    std::span const one{std::addressof(value), 1};
    detail::perform<collective::all_reduce, T, Operation>(world, detail::all_reduce_call(one, one, operation));
    detail::finish<Operation>(one, world.size());
    return value;
}

/// Starts an all_reduce; `in` and `out` belong to it until `wait` returns. The operation is kept. Collective.
template <communicator Comm, elements_for<Comm> In, elements_for<Comm> Out, class Operation = std::plus<>,
          class Algorithm = algorithm::automatic>
[[nodiscard]] pending start_all_reduce(Comm& world, In const& in, Out&& out, Operation operation = {}, Algorithm algorithm = {}) {
    auto const kept = std::make_shared<Operation const>(std::move(operation));
    auto const what = detail::all_reduce_call(in, std::forward<Out>(out), *kept);
    auto running = detail::start<collective::all_reduce, element_t<In>, Operation>(world, what, kept, algorithm);
    return detail::finish_later<Operation>(std::move(running), out, world.size());
}

/// Starts an all_reduce in place. Collective.
template <communicator Comm, elements_for<Comm> Range, class Operation = std::plus<>, class Algorithm = algorithm::automatic>
    requires(!detail::many_elements<Operation>)
[[nodiscard]] pending start_all_reduce(Comm& world, Range&& data, Operation operation = {}, Algorithm algorithm = {}) {
    auto const kept = std::make_shared<Operation const>(std::move(operation));
    auto const what = detail::all_reduce_call(data, std::forward<Range>(data), *kept);
    auto running = detail::start<collective::all_reduce, element_t<Range>, Operation>(world, what, kept, algorithm);
    return detail::finish_later<Operation>(std::move(running), data, world.size());
}

/// Starts an all_reduce of one value, in place: `value` belongs to it until `wait` returns. Collective.
template <communicator Comm, element_for<Comm> T, class Operation = std::plus<>>
    requires(!detail::many_elements<Operation>)
[[nodiscard]] pending start_all_reduce(Comm& world, T& value, Operation operation = {}) {
    return start_all_reduce(world, std::span{std::addressof(value), 1}, std::move(operation));
}

}  // namespace tutti
