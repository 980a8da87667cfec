#pragma once

#include <tutti/collectives/scan.hpp>
#include <tutti/concepts/communicator.hpp>
#include <tutti/concepts/elements.hpp>
#include <tutti/detail/least_standard.hpp>

#include <memory>
#include <ranges>
#include <span>
#include <utility>

namespace tutti {
namespace detail {

/// Lets `init` come before what ranks 0 .. rank - 1 have folded.
template <class T, class Operation>
void put_first(int rank, std::span<T> folded, T const& init, Operation const& operation) {
    for (T& x : folded) x = rank == 0 ? init : static_cast<T>(operation(init, x));
}

}  // namespace detail

/// `out` of rank r holds, element by element, `init` folded with `in` of ranks 0 .. r - 1 under `operation`; on rank 0 `init`
/// alone. Collective.
/// @param  in         n elements, as many on every rank
/// @param  out        n elements; may be `in` itself
/// @param  init       comes before all; equal on all ranks
/// @param  operation  associative; need not commute; may carry state, which should be equal on all ranks
/// @param  algorithm  such as tutti::algorithm::hillis_steele{}
/// @throws usage_error  on the rank whose sizes differ;  collective_mismatch, peer_failed, timeout_error  on every rank
/// Cost:   that of a scan, and one pass over `out`
/// Order:  rank order
template <communicator Comm, elements_for<Comm> In, elements_for<Comm> Out, class Operation = std::plus<>,
          class Algorithm = algorithm::automatic>
void exclusive_scan(Comm& world, In const& in, Out&& out, element_t<In> init, Operation operation = {}, Algorithm algorithm = {}) {
    auto const what = detail::scan_call(collective::exclusive_scan, in, std::forward<Out>(out), operation);
    detail::perform<collective::exclusive_scan, element_t<In>, Operation>(world, what, algorithm);
    detail::put_first(world.rank(), detail::writable_elements(out), init, operation);
}

/// `init` folded with one value of each of ranks 0 .. r - 1. Collective.
template <communicator Comm, element_for<Comm> T, class Operation = std::plus<>>
[[nodiscard]] T exclusive_scan(Comm& world, T value, T init, Operation operation = {}) {
    std::span const one{std::addressof(value), 1};
    exclusive_scan(world, one, one, init, std::move(operation));
    return value;
}

/// Starts an exclusive_scan; `in` and `out` belong to it until `wait` returns. `init` and the operation are kept. Collective.
template <communicator Comm, elements_for<Comm> In, elements_for<Comm> Out, class Operation = std::plus<>,
          class Algorithm = algorithm::automatic>
[[nodiscard]] pending start_exclusive_scan(Comm& world, In const& in, Out&& out, element_t<In> init,
                                           Operation operation = {}, Algorithm algorithm = {}) {
    auto const kept = std::make_shared<Operation const>(std::move(operation));
    auto const what = detail::scan_call(collective::exclusive_scan, in, std::forward<Out>(out), *kept);
    auto running = detail::start<collective::exclusive_scan, element_t<In>, Operation>(world, what, kept, algorithm);
    return detail::then(std::move(running), [rank = world.rank(), folded = detail::writable_elements(out), init, kept] {
        detail::put_first(rank, folded, init, *kept);
    });
}

/// Starts an exclusive_scan of one value, in place. Collective.
template <communicator Comm, element_for<Comm> T, class Operation = std::plus<>>
[[nodiscard]] pending start_exclusive_scan(Comm& world, T& value, T init, Operation operation = {}) {
    std::span const one{std::addressof(value), 1};
    return start_exclusive_scan(world, one, one, init, std::move(operation));
}

}  // namespace tutti
