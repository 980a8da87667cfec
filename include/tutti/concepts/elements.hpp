#pragma once

#include <tutti/concepts/element_type.hpp>
#include <tutti/concepts/memory_space.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <ranges>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace tutti {

namespace detail {

template <class Range>
inline constexpr bool is_packed = false;
template <class Allocator>
inline constexpr bool is_packed<std::vector<bool, Allocator>> = true;

/// True; an error that says so for the one vector that packs its elements.
template <class Range>
constexpr bool may_lie_in_memory() {
    static_assert(!is_packed<std::remove_cvref_t<Range>>,
                  "tutti: std::vector<bool> packs its elements into bits, which have no place in memory of their own: use "
                  "std::vector<char> or an array of bool instead");
    return true;
}

/// Ranges whose elements are known to lie side by side: to ask the standard's concepts of each takes long to compile.
template <class Range>
inline constexpr bool is_plain = std::is_bounded_array_v<Range>;
template <class T, class Allocator>
inline constexpr bool is_plain<std::vector<T, Allocator>> = !is_packed<std::vector<T, Allocator>>;
template <class T, std::size_t size>
inline constexpr bool is_plain<std::array<T, size>> = true;
template <class T, std::size_t size>
inline constexpr bool is_plain<std::span<T, size>> = true;

template <class Range>
concept plain_elements = is_plain<std::remove_cvref_t<Range>>;

}  // namespace detail

/// A range whose elements lie side by side in memory: a span, vector, array or the like.
template <class Range>
concept contiguous_elements =
    detail::may_lie_in_memory<Range>() &&
    (detail::plain_elements<Range> || (std::ranges::contiguous_range<Range> && std::ranges::sized_range<Range>));

namespace detail {

/// Many elements, wherever they lie: what no operation is.
template <class T>
concept many_elements = device_elements<T> || std::ranges::range<T>;

}  // namespace detail

/// One element by itself. A pointer is none: it would be sent as an address.
template <class T>
concept single_element = std::is_arithmetic_v<T> || (!std::is_pointer_v<T> && !detail::many_elements<T>);

/// Elements side by side, on the host or on a device.
template <class Range>
concept elements_anywhere = device_elements<Range> || contiguous_elements<Range>;

namespace detail {

/// False; an error that says so for what a caller can only have meant as elements: a collective has no other use for it.
template <class Range>
constexpr bool may_be_no_elements() {
    using given = std::remove_cvref_t<Range>;
    static_assert(!std::is_pointer_v<given> || std::is_function_v<std::remove_pointer_t<given>>,
                  "tutti: a pointer does not say how many elements there are: give a collective std::span{pointer, count}, or for one "
                  "value the value itself, not its address");
    if constexpr (!std::is_arithmetic_v<given> && !is_packed<given>)
        static_assert(!std::ranges::range<Range>,
                      "tutti: the elements of a collective must lie side by side in memory, and the range must know how many they are: "
                      "give a std::vector, std::array or std::span, not a list or a view that computes them");
    return false;
}

}  // namespace detail

/// What a communicator takes: elements side by side in a memory that it reaches.
template <class Range, class Comm>
concept elements_for = (elements_anywhere<Range> || detail::may_be_no_elements<Range>()) && detail::within_reach<Comm, Range>();
template <class T, class Comm>
concept element_for = single_element<T> && detail::within_reach<Comm, T>();

namespace detail {

template <class Range>
struct element_of {};
template <plain_elements Range>
struct element_of<Range> {
    using type = std::remove_cvref_t<decltype(*std::data(std::declval<Range&>()))>;
};
template <device_elements Range>
struct element_of<Range> {
    using type = typename std::remove_cvref_t<Range>::value_type;
};
template <class Range>
    requires(!plain_elements<Range> && std::ranges::range<Range>)
struct element_of<Range> {
    using type = std::ranges::range_value_t<Range>;
};

}  // namespace detail

template <class Range>
using element_t = typename detail::element_of<Range>::type;

namespace detail {

/// Where the elements of a range are, and how many.
template <class Range>
constexpr auto* data_of(Range&& range) {
    if constexpr (plain_elements<Range> || device_elements<Range>) return std::data(range);
    else return std::ranges::data(range);
}
template <class Range>
constexpr std::size_t size_of(Range&& range) {
    if constexpr (plain_elements<Range> || device_elements<Range>) return std::size(range);
    else return std::ranges::size(range);
}

/// Whether the elements of a range outlive an expression of its type.
template <class Range>
inline constexpr bool lives_on = std::is_lvalue_reference_v<Range> || is_device_view<std::remove_cvref_t<Range>> ||
                                 std::ranges::enable_borrowed_range<std::remove_cvref_t<Range>>;

template <class T>
constexpr void require_element() {
    static_assert(std::is_trivially_copyable_v<T>,
                  "tutti: elements must be trivially copyable, since collectives move them as bytes: send a plain struct, or the "
                  "numbers inside; see tutti/concepts/elements.hpp");
}

template <class Range>
constexpr void require_writable() {
    static_assert(lives_on<Range> && !std::is_const_v<std::remove_pointer_t<decltype(data_of(std::declval<Range&>()))>>,
                  "tutti: the output of a collective must be writable, and live on after the call: a span, or a container that is "
                  "not const");
}

template <class Range>
constexpr void require_lasting() {
    static_assert(lives_on<Range>,
                  "tutti: the input of a started message must live on after the call: a span, or a container that has a name");
}

template <class A, class B>
constexpr void require_same_elements() {
    static_assert(std::is_same_v<A, B>, "tutti: input and output of a collective must have the same element type");
}

template <class T, class Operation>
constexpr void require_operation() {
    static_assert(std::is_invocable_r_v<T, Operation const&, T const&, T const&>,
                  "tutti: the operation of a reduction must be callable, while const, on two elements and give one, as in "
                  "[](T a, T b) { return a + b; }; where none is given it is std::plus<>, which needs operator+");
}

template <class T>
constexpr void require_average() {
    constexpr number_kind kind = number_kind_of<T>;
    static_assert(kind == number_kind::floating_point || kind == number_kind::brain_floating_point || kind == number_kind::complex,
                  "tutti: average needs floating-point or complex elements: for others, as integers, reduce with std::plus<>{} and "
                  "divide in the way you mean");
}

/// The elements of a range that `require_writable` has passed, as bytes and as they are.
template <class Range>
std::byte* bytes_of(Range&& range) {
    using T = element_t<Range>;
    return reinterpret_cast<std::byte*>(const_cast<T*>(data_of(range)));
}

template <class Range>
std::span<element_t<Range>> writable_elements(Range&& range) {
    return {reinterpret_cast<element_t<Range>*>(bytes_of(range)), size_of(range)};
}

[[noreturn, gnu::cold, gnu::noinline]] inline void refuse_size(char const* what, char const* which, std::size_t has,
                                                                std::size_t needs) {
    raise<usage_error>({"tutti: ", what, ": ", which, " has ", has, " elements and needs ", needs});
}
[[gnu::always_inline]] inline void check_size(char const* what, char const* which, std::size_t has, std::size_t needs) {
    if (has != needs) [[unlikely]] refuse_size(what, which, has, needs);
}

inline void check_root(char const* what, int root, int size) {
    if (root < 0 || root >= size)
        raise<usage_error>({"tutti: ", what, ": root ", root, " is not a rank of 0..", size - 1});
}

/// Results may replace their sources or lie elsewhere; half over them they would destroy what is still to be read.
inline void check_overlap(char const* what, void const* in, std::size_t in_bytes, void const* out, std::size_t out_bytes,
                          std::size_t in_place_at = 0) {
    auto const a = reinterpret_cast<std::uintptr_t>(in), b = reinterpret_cast<std::uintptr_t>(out);
    if (a != b + in_place_at && a < b + out_bytes && b < a + in_bytes && in_bytes != 0 && out_bytes != 0)
        raise<usage_error>({"tutti: ", what, ": input and output overlap; they must be apart or in place"});
}

}  // namespace detail
}  // namespace tutti
