#pragma once

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
    using T = element_t<In>;
    require_element<T>();
    require_writable<Out>();
    require_same_elements<T, element_t<Out>>();
    std::size_t const count = std::ranges::size(in);
    check_size("all_gather", "the output", std::ranges::size(out), count * static_cast<std::size_t>(world.size()));
    std::size_t const bytes = count * sizeof(T), ranks = static_cast<std::size_t>(world.size());
    check_overlap("all_gather", std::ranges::data(in), bytes, std::ranges::data(out), ranks * bytes,
                  static_cast<std::size_t>(world.rank()) * bytes);
    return {.kind = collective::all_gather,
            .type = &element_type_of<T>,
            .in = reinterpret_cast<std::byte const*>(std::ranges::data(in)),
            .out = bytes_of(out),
            .count = count};
}

}  // namespace detail

/// `out` of every rank holds every rank's `in`, in rank order. Collective.
/// @param  in   n elements, as many on every rank; may be this rank's own place in `out`
/// @param  out  ranks x n elements
/// @throws usage_error  on the rank whose sizes differ;  collective_mismatch, peer_failed, timeout_error  on every rank
/// Cost:   threads: pn bytes copied per rank, straight from the peers' buffers above half a KiB
template <communicator Comm, contiguous_elements In, contiguous_elements Out>
void all_gather(Comm& world, In const& in, Out&& out) {
    world.perform(detail::all_gather_call(world, in, std::forward<Out>(out)));
}

/// Every rank's value, in rank order. Collective.
template <communicator Comm, class T>
    requires(!std::ranges::range<T>)
[[nodiscard]] std::vector<T> all_gather(Comm& world, T const& value) {
    std::vector<T> all(static_cast<std::size_t>(world.size()), value);
    all_gather(world, std::span{std::addressof(value), 1}, all);
    return all;
}

/// Starts an all_gather; `in` and `out` belong to it until `wait` returns. Collective.
template <communicator Comm, contiguous_elements In, contiguous_elements Out>
[[nodiscard]] pending start_all_gather(Comm& world, In const& in, Out&& out) {
    return world.start(detail::all_gather_call(world, in, std::forward<Out>(out)), nullptr);
}

}  // namespace tutti
