#pragma once

#include <string_view>

namespace tutti::detail {

/// The name of `T` as the compiler writes it, for messages only; needs no run-time type information.
template <class T>
constexpr std::string_view type_name() {
    std::string_view const whole = __PRETTY_FUNCTION__;
    auto const first = whole.find("T = ") + 4;
    auto const last = whole.find_first_of(";]", first);
    return whole.substr(first, last - first);
}

}  // namespace tutti::detail
