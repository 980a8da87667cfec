#pragma once

#include <cstddef>
#include <string_view>

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

/// What a byte-moving backend knows of an element type. There is one object per type, so its address identifies the type.
struct element_type {
    std::size_t size;
    std::size_t alignment;
    std::string_view name;
};

template <class T>
inline constexpr element_type element_type_of{sizeof(T), alignof(T), detail::type_name<T>()};

}  // namespace tutti
