#pragma once

#include <array>
#include <charconv>
#include <string>

namespace tutti::detail {

/// The shortest text that reads back as this number.
inline std::string to_text(double value) {
    std::array<char, 32> room{};
    return {room.data(), std::to_chars(room.data(), room.data() + room.size(), value).ptr};
}

}  // namespace tutti::detail
