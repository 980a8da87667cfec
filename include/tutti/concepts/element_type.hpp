#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace tutti {
namespace detail {

/// The name of `T` as the compiler writes it, for messages only; needs no run-time type information.
template <class T>
constexpr std::string_view type_name() {
    std::string_view const whole = __PRETTY_FUNCTION__;
    auto const first = whole.find("T = ") + 4;
    auto const last = whole.find_first_of(";]", first);
    return whole.substr(first, last - first);
}

}  // namespace detail

/// What kind of number an element is, for backends that know some by themselves; with the size it says which.
enum class number_kind : std::uint8_t {
    none,
    boolean,
    signed_integer,
    unsigned_integer,
    floating_point,
    complex,
    brain_floating_point
};

namespace detail {
// Of the standard's own: a compiler may have others of the same size, such as __float128.
template <class T>
inline constexpr bool is_standard_floating_point =
    std::is_same_v<T, float> || std::is_same_v<T, double> || std::is_same_v<T, long double>;
}  // namespace detail

template <class T>
inline constexpr number_kind number_kind_of = std::is_same_v<T, bool>       ? number_kind::boolean
                                              : detail::is_standard_floating_point<T> ? number_kind::floating_point
                                              : std::is_integral_v<T> && std::is_signed_v<T> ? number_kind::signed_integer
                                              : std::is_integral_v<T>       ? number_kind::unsigned_integer
                                              // by its name, since <complex> is heavy
                                              : detail::type_name<T>().starts_with("std::complex<") ? number_kind::complex
                                                                                                    : number_kind::none;

/// What a byte-moving backend knows of an element type. There is one object per type, so its address identifies the type.
struct element_type {
    std::size_t size;
    std::size_t alignment;
    std::string_view name;
    number_kind number = number_kind::none;
};

template <class T>
inline constexpr element_type element_type_of{sizeof(T), alignof(T), detail::type_name<T>(), number_kind_of<T>};

/// The type in which elements of type T are folded: a wider one than T is rounded to T once, when the elements of all ranks are
/// folded at once. Algorithms that fold pairs of ranks, and backends that fold by themselves, round at each step. Operations that
/// cannot be called on the wider type are called on T. Specialise it for types of your own that convert both ways.
template <class T>
struct accumulator {
    using type = T;
};

template <class T>
using accumulator_t = typename accumulator<T>::type;

}  // namespace tutti
