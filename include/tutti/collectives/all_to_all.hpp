#pragma once

#include <tutti/collectives/execute.hpp>
#include <tutti/collectives/make_call.hpp>
#include <tutti/concepts/communicator.hpp>
#include <tutti/concepts/elements.hpp>

#include <cstddef>
#include <memory>
#include <ranges>
#include <string>
#include <utility>

namespace tutti {
namespace detail {

template <class Comm, class In, class Out>
call all_to_all_call(Comm& world, In const& in, Out&& out) {
    std::size_t const whole = std::ranges::size(in), ranks = static_cast<std::size_t>(world.size());
    auto const what = make_call(collective::all_to_all, in, std::forward<Out>(out), whole / ranks);
    if (whole % ranks != 0)
        throw usage_error{"tutti: all_to_all: the input has " + std::to_string(whole) + " elements, which " +
                          std::to_string(ranks) + " ranks cannot share evenly"};
    check_buffers("all_to_all", in, whole, out, whole, whole);  // no place of the output is also the input's: never in place
    return what;
}

}  // namespace detail

/// Part k of `out` of rank r is part r of rank k's `in`. Collective.
/// @param  in   ranks x n elements: one part for each rank
/// @param  out  ranks x n elements, apart from `in`
/// @throws usage_error  on the rank whose sizes do not fit;  collective_mismatch, peer_failed, timeout_error  on every rank
/// Cost:   threads: pn elements copied per rank, above half a KiB straight from the peers' buffers
template <communicator Comm, contiguous_elements In, contiguous_elements Out, class Algorithm = algorithm::automatic>
void all_to_all(Comm& world, In const& in, Out&& out, Algorithm algorithm = {}) {
    detail::perform<collective::all_to_all, element_t<In>>(world, detail::all_to_all_call(world, in, std::forward<Out>(out)),
                                                           algorithm);
}

/// Starts an all_to_all; `in` and `out` belong to it until `wait` returns. Collective.
template <communicator Comm, contiguous_elements In, contiguous_elements Out>
[[nodiscard]] pending start_all_to_all(Comm& world, In const& in, Out&& out) {
    return world.start(detail::all_to_all_call(world, in, std::forward<Out>(out)), nullptr);
}

}  // namespace tutti
