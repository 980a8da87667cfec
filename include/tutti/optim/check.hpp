#pragma once

#include <tutti/error.hpp>

#include <cmath>
#include <string>

namespace tutti::optim::detail {

/// @throws usage_error  unless `value` is finite, at least `least`, and below 1 where `below_one`
inline void check_setting(char const* who, char const* which, double value, double least, bool below_one) {
    if (std::isfinite(value) && value >= least && (!below_one || value < 1)) return;
    throw usage_error{std::string{"tutti: "} + who + ": " + which + " = " + std::to_string(value) + " must be " +
                      (below_one ? "in [" + std::to_string(least) + ", 1)" : "finite and at least " + std::to_string(least))};
}

}  // namespace tutti::optim::detail
