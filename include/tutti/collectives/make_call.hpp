#pragma once

#include <tutti/concepts/call.hpp>
#include <tutti/concepts/elements.hpp>

#include <cstddef>
#include <memory>
#include <ranges>
#include <utility>

namespace tutti::detail {

/// A call that moves `count` elements per part from `in` to `out`; what is wrong with the types is said here.
template <class In, class Out>
call make_call(collective kind, In const& in, Out&& out, std::size_t count, int root = -1) {
    using T = element_t<In>;
    require_element<T>();
    require_writable<Out>();
    require_same_elements<T, element_t<Out>>();
    return {.kind = kind,
            .type = &element_type_of<T>,
            .in = reinterpret_cast<std::byte const*>(std::ranges::data(in)),
            .out = bytes_of(out),
            .count = count,
            .root = root};
}

/// The same with an operation, which must outlive the call.
template <class In, class Out, class Operation>
call make_call(collective kind, In const& in, Out&& out, std::size_t count, int root, Operation const& operation) {
    require_operation<element_t<In>, Operation>();
    call what = make_call(kind, in, std::forward<Out>(out), count, root);
    what.reduce = &reduction_of<element_t<In>, Operation>;
    what.operation = std::addressof(operation);
    return what;
}

/// Sizes and places of the two buffers of a call: how many elements each has, and where `out` may lie within `in` or `in`
/// within `out` (bytes from the beginning of the larger one).
template <class In, class Out>
void check_buffers(char const* what, In const& in, std::size_t in_count, Out const& out, std::size_t out_count,
                   std::size_t in_place_at = 0) {
    constexpr std::size_t size = sizeof(element_t<In>);
    check_size(what, "the input", std::ranges::size(in), in_count);
    check_size(what, "the output", std::ranges::size(out), out_count);
    if (in_count <= out_count)
        check_overlap(what, std::ranges::data(in), in_count * size, std::ranges::data(out), out_count * size, in_place_at * size);
    else check_overlap(what, std::ranges::data(out), out_count * size, std::ranges::data(in), in_count * size, in_place_at * size);
}

}  // namespace tutti::detail
