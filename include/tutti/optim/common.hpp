#pragma once

#include <tutti/error.hpp>

#include <cmath>
#include <concepts>
#include <limits>
#include <string>

namespace tutti::optim::detail {

/// @throws usage_error  unless `value` is finite, at least `least`, and below 1 where `below_one`
inline void check_setting(char const* who, char const* which, double value, double least, bool below_one) {
    if (std::isfinite(value) && value >= least && (!below_one || value < 1)) return;
    throw usage_error{std::string{"tutti: "} + who + ": " + which + " = " + std::to_string(value) + " must be " +
                      (below_one ? "in [" + std::to_string(least) + ", 1)" : "finite and at least " + std::to_string(least))};
}

/// Running means decay towards 0 where gradients stay 0, and would crawl through subnormal numbers, on which processors are
/// slow: those count as 0.
template <std::floating_point T>
T without_subnormals(T x) {
    return std::abs(x) < std::numeric_limits<T>::min() ? T{0} : x;
}

}  // namespace tutti::optim::detail
