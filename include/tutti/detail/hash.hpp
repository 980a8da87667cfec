#pragma once

#include <cstdint>
#include <string_view>

namespace tutti::detail {

/// Source: Fowler, Noll and Vo, FNV-1a
constexpr std::uint64_t hash_of(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (char const each : text) hash = (hash ^ static_cast<unsigned char>(each)) * 0x100000001b3;
    return hash;
}
/// 0 stays 0.
/// Source: Steele, Lea and Flood 2014, doi 10.1145/2660193.2660195, the finaliser of SplitMix
constexpr std::uint64_t mixed(std::uint64_t word) {
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
    word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
    return word ^ (word >> 31);
}

}  // namespace tutti::detail
