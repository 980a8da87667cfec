#pragma once

#include <tutti/concepts/call.hpp>
#include <tutti/concepts/elements.hpp>
#include <tutti/concepts/memory_space.hpp>
#include <tutti/concepts/operation.hpp>
#include <tutti/concepts/pending.hpp>
#include <tutti/detail/least_standard.hpp>

#include <cstddef>
#include <memory>
#include <ranges>
#include <span>
#include <type_traits>
#include <utility>

namespace tutti::detail {

/// A call that moves `count` elements per part from `in` to `out`; what is wrong with the types is said here.
template <class In, class Out>
call make_call(collective kind, In const& in, Out&& out, std::size_t count, int root = -1) {
    using T = element_t<In>;
    require_element<T>();
    require_writable<Out>();
    require_same_elements<T, element_t<Out>>();
    static_assert(space_of<In> == space_of<Out>,
                  "tutti: input and output of a collective must be in the same memory, the host's or the device's");
    return {.kind = kind,
            .type = &element_type_of<T>,
            .in = reinterpret_cast<std::byte const*>(data_of(in)),
            .out = bytes_of(out),
            .count = count,
            .root = root,
            .where = space_of<In>};
}

inline constexpr std::plus<> sum_of_average{};

/// The same with an operation, which must outlive the call.
template <class In, class Out, class Operation>
call make_call(collective kind, In const& in, Out&& out, std::size_t count, int root, Operation const& operation) {
    using T = element_t<In>;
    if constexpr (std::is_same_v<Operation, average>) require_average<T>();
    else require_operation<T, Operation>();
    call what = make_call(kind, in, std::forward<Out>(out), count, root);
    what.reduce = &reduction_of<T, Operation>;
    if constexpr (std::is_same_v<Operation, average>) what.operation = &sum_of_average;
    else what.operation = std::addressof(operation);
    return what;
}

/// Makes averages of the sums that a complete call has left in `out`, on `ranks` ranks; nothing for other operations, nor on a
/// device, where the communicator averages.
template <class Operation, class Out>
void finish(Out&& out, int ranks) {
    using T = element_t<Out>;
    if constexpr (device_elements<Out>) return;
    else if constexpr (std::is_same_v<Operation, average> && number_kind_of<T> == number_kind::complex) {
        for (T& x : writable_elements(out)) x /= static_cast<typename T::value_type>(ranks);
    } else if constexpr (std::is_same_v<Operation, average>) {
        using wide = accumulator_t<T>;
        for (T& x : writable_elements(out)) x = static_cast<T>(static_cast<wide>(x) / static_cast<wide>(ranks));
    }
}

/// The same once a started call is complete.
template <class Operation, class Out>
pending finish_later(pending running, Out&& out, int ranks) {
    if constexpr (std::is_same_v<Operation, average> && !device_elements<Out>)
        return then(std::move(running), [out = writable_elements(out), ranks] { finish<Operation>(out, ranks); });
    else return running;
}

/// A buffer as it is checked: where it is, and how many elements it has.
struct checked_buffer {
    template <class Range>
    explicit checked_buffer(Range const& range) : data{data_of(range)}, count{size_of(range)} {}
    void const* data;
    std::size_t count;
};

inline void check_buffers(char const* what, std::size_t size, checked_buffer in, std::size_t in_count, checked_buffer out,
                          std::size_t out_count, std::size_t in_place_at) {
    check_size(what, "the input", in.count, in_count);
    check_size(what, "the output", out.count, out_count);
    if (in_count <= out_count) check_overlap(what, in.data, in_count * size, out.data, out_count * size, in_place_at * size);
    else check_overlap(what, out.data, out_count * size, in.data, in_count * size, in_place_at * size);
}

/// Sizes and places of the two buffers of a call: how many elements each has, and where `out` may lie within `in` or `in`
/// within `out` (elements from the beginning of the larger one).
template <class In, class Out>
void check_buffers(char const* what, In const& in, std::size_t in_count, Out const& out, std::size_t out_count,
                   std::size_t in_place_at = 0) {
    check_buffers(what, sizeof(element_t<In>), checked_buffer{in}, in_count, checked_buffer{out}, out_count, in_place_at);
}

}  // namespace tutti::detail
