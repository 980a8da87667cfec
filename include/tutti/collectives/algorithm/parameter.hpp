#pragma once

#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <string>

namespace tutti::algorithm::detail {

/// `value`, of an algorithm's parameter called `what`.
/// @throws usage_error  unless it is 1 at least
constexpr int positive(char const* what, int value) {
    if (value < 1) tutti::detail::raise<usage_error>({"tutti: ", what, " is 1 at least, not ", value});
    return value;
}

}  // namespace tutti::algorithm::detail
