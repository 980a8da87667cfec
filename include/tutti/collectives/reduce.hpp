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
#include <utility>

namespace tutti {
namespace detail {

template <class Comm, class In, class Out, class Operation>
call reduce_call(Comm& world, In const& in, Out&& out, int root, Operation const& operation) {
    std::size_t const count = size_of(in);
    auto const what = make_call(collective::reduce, in, std::forward<Out>(out), count, root, operation);
    check_root("reduce", root, world.size());
    if (world.rank() == root) check_buffers("reduce", in, count, out, count);
    return what;
}

}  // namespace detail

/// `out` of rank `root` holds, element by element, the fold of all ranks' `in` under `operation`. Collective.
/// @param  in         n elements, as many on every rank
/// @param  out        n elements on `root`, where it may be `in` itself; not looked at elsewhere
/// @param  operation  associative; need not commute; may carry state, which should be equal on all ranks; or tutti::average{}
/// @throws usage_error  on the rank whose arguments do not fit;  collective_mismatch, peer_failed, timeout_error  on every rank
/// Cost:   threads: up to 544 B (two ranks: 160 B) one round, the root reading pn bytes; above, two, each rank folding a slice
/// Order:  rank order
template <communicator Comm, elements_for<Comm> In, elements_for<Comm> Out, class Operation = std::plus<>,
          class Algorithm = algorithm::automatic>
void reduce(Comm& world, In const& in, Out&& out, int root, Operation operation = {}, Algorithm algorithm = {}) {
    auto const what = detail::reduce_call(world, in, std::forward<Out>(out), root, operation);
    detail::perform<collective::reduce, element_t<In>, Operation>(world, what, algorithm);
    if (world.rank() == root) detail::finish<Operation>(out, world.size());
}

/// The fold of one value per rank, on rank `root`; elsewhere the rank's own value. Collective.
template <communicator Comm, element_for<Comm> T, class Operation = std::plus<>>
[[nodiscard]] T reduce(Comm& world, T value, int root, Operation operation = {}) {
    std::span const one{std::addressof(value), 1};
    detail::perform<collective::reduce, T, Operation>(world, detail::reduce_call(world, one, one, root, operation));
    if (world.rank() == root) detail::finish<Operation>(one, world.size());
    return value;
}

/// Starts a reduce; `in` and `out` belong to it until `wait` returns. Collective.
template <communicator Comm, elements_for<Comm> In, elements_for<Comm> Out, class Operation = std::plus<>,
          class Algorithm = algorithm::automatic>
[[nodiscard]] pending start_reduce(Comm& world, In const& in, Out&& out, int root,
                                   Operation operation = {}, Algorithm algorithm = {}) {
    auto const kept = std::make_shared<Operation const>(std::move(operation));
    using T = element_t<In>;
    auto const what = detail::reduce_call(world, in, std::forward<Out>(out), root, *kept);
    auto const result = world.rank() == root ? detail::writable_elements(out) : std::span<T>{};
    auto running = detail::start<collective::reduce, element_t<In>, Operation>(world, what, kept, algorithm);
    return detail::finish_later<Operation>(std::move(running), result, world.size());
}

/// Starts a reduce of one value, in place: `value` belongs to it until `wait` returns; on ranks other than `root` it stays.
/// Collective.
template <communicator Comm, element_for<Comm> T, class Operation = std::plus<>>
[[nodiscard]] pending start_reduce(Comm& world, T& value, int root, Operation operation = {}) {
    std::span const one{std::addressof(value), 1};
    return start_reduce(world, one, one, root, std::move(operation));
}

}  // namespace tutti
