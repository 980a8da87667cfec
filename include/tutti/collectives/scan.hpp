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
call scan_call(collective kind, In const& in, Out&& out, Operation const& operation) {
    static_assert(!std::is_same_v<Operation, average>,
                  "tutti: average is for all_reduce, reduce and reduce_scatter: a scan folds another number of ranks on "
                  "each of them");
    std::size_t const count = size_of(in);
    auto const what = make_call(kind, in, std::forward<Out>(out), count, -1, operation);
    check_buffers(kind == collective::scan ? "scan" : "exclusive_scan", in, count, out, count);
    return what;
}

}  // namespace detail

/// `out` of rank r holds, element by element, the fold of `in` of ranks 0 .. r under `operation`. Collective.
/// @param  in         n elements, as many on every rank
/// @param  out        n elements; may be `in` itself
/// @param  operation  associative; need not commute; may carry state, which should be equal on all ranks
/// @param  algorithm  such as tutti::algorithm::hillis_steele{}
/// @throws usage_error  on the rank whose sizes differ;  collective_mismatch, peer_failed, timeout_error  on every rank
/// Cost:   threads: up to 544 B (two ranks: 160 B) one round; above, two rounds and 2pn bytes moved in all
/// Order:  rank order
template <communicator Comm, elements_for<Comm> In, elements_for<Comm> Out, class Operation = std::plus<>,
          class Algorithm = algorithm::automatic>
void scan(Comm& world, In const& in, Out&& out, Operation operation = {}, Algorithm algorithm = {}) {
    auto const what = detail::scan_call(collective::scan, in, std::forward<Out>(out), operation);
    detail::perform<collective::scan, element_t<In>, Operation>(world, what, algorithm);
}

/// The fold of one value of each of ranks 0 .. r. Collective.
template <communicator Comm, element_for<Comm> T, class Operation = std::plus<>>
    requires(!detail::many_elements<Operation>)
[[nodiscard]] T scan(Comm& world, T value, Operation operation = {}) {
    std::span const one{std::addressof(value), 1};
    detail::perform<collective::scan, T, Operation>(world, detail::scan_call(collective::scan, one, one, operation));
    return value;
}

/// Starts a scan; `in` and `out` belong to it until `wait` returns. Collective.
template <communicator Comm, elements_for<Comm> In, elements_for<Comm> Out, class Operation = std::plus<>,
          class Algorithm = algorithm::automatic>
[[nodiscard]] pending start_scan(Comm& world, In const& in, Out&& out, Operation operation = {}, Algorithm algorithm = {}) {
    auto const kept = std::make_shared<Operation const>(std::move(operation));
    auto const what = detail::scan_call(collective::scan, in, std::forward<Out>(out), *kept);
    return detail::start<collective::scan, element_t<In>, Operation>(world, what, kept, algorithm);
}

/// Starts a scan of one value, in place: `value` belongs to it until `wait` returns. Collective.
template <communicator Comm, element_for<Comm> T, class Operation = std::plus<>>
    requires(!detail::many_elements<Operation>)
[[nodiscard]] pending start_scan(Comm& world, T& value, Operation operation = {}) {
    std::span const one{std::addressof(value), 1};
    return start_scan(world, one, one, std::move(operation));
}

}  // namespace tutti
