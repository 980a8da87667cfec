#pragma once

#include <tutti/error.hpp>

#include <string>

namespace tutti::algorithm::detail {

/// `value`, of an algorithm's parameter called `what`.
/// @throws usage_error  unless it is 1 at least
constexpr int positive(char const* what, int value) {
    if (value < 1) throw usage_error{std::string{"tutti: "} + what + " is 1 at least, not " + std::to_string(value)};
    return value;
}

}  // namespace tutti::algorithm::detail
