#pragma once

#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

namespace tutti::detail {

/// What every `split` checks before it asks the peers.
/// @throws usage_error
inline void check_color(int color) {
    if (color < 0) raise<usage_error>({"tutti: split: color ", color, " must be 0 or more"});
}

}  // namespace tutti::detail
