#pragma once

#include <tutti/detail/text.hpp>
#include <tutti/detail/to_text.hpp>
#include <tutti/error.hpp>

#include <cmath>
#include <concepts>
#include <limits>
#include <string>

namespace tutti::optim::detail {

using tutti::detail::to_text;

/// @throws usage_error  unless `value` is finite, at least `least`, and at most `most`, or below it where `below_most`
inline void check_setting(char const* who, char const* which, double value, double least,
                          double most = std::numeric_limits<double>::infinity(), bool below_most = false) {
    if (std::isfinite(value) && value >= least && value <= most && !(below_most && value == most)) return;
    tutti::detail::raise<usage_error>({"tutti: ", who, ": ", which, " = ", to_text(value), " must be ",
                                       std::isfinite(most) ? "in [" + to_text(least) + ", " + to_text(most) + (below_most ? ")" : "]")
                                                           : "finite and at least " + to_text(least)});
}

/// Running means decay towards 0 where gradients stay 0, and would crawl through subnormal numbers, on which processors are
/// slow: those count as 0.
template <std::floating_point T>
constexpr T without_subnormals(T x) {
    return std::abs(x) < std::numeric_limits<T>::min() ? T{0} : x;
}

}  // namespace tutti::optim::detail
