#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace tutti::partition {

/// A keyed bijection of 0 .. size - 1: a shuffle that is computed, not stored. Equal on every platform.
/// Cost:   12 rounds of mixing per look-up, repeated until the result is in range (less than twice on average); no memory
/// Source: Mitchell, Stokes, Frank and Holmes 2022, arXiv:2106.06161 (bijective shuffle: a Feistel network with cycle walking).
class permutation {
public:
    /// @param size  how many indices, >= 1
    /// @param seed  which shuffle; `epoch` makes a family of them
    constexpr permutation(std::size_t size, std::uint64_t seed, std::uint64_t epoch = 0)
        : size_{size},
          bits_{size < 3 ? 2 : static_cast<int>(std::bit_width(size - 1))} {
        std::uint64_t state = mix(seed ^ mix(epoch + 0x9e3779b97f4a7c15));
        for (auto& key : keys_) key = mix(state += 0x9e3779b97f4a7c15);
    }

    constexpr std::size_t size() const { return size_; }

    /// Where index `i` goes, i < size().
    constexpr std::size_t operator()(std::size_t i) const {
        std::uint64_t x = i;
        do x = scramble(x);
        while (x >= size_);
        return static_cast<std::size_t>(x);
    }

private:
    /// The finaliser of splitmix64 (Steele, Lea and Flood 2014): every input bit changes every output bit about half the time.
    static constexpr std::uint64_t mix(std::uint64_t x) {
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
        x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
        return x ^ (x >> 31);
    }

    /// A bijection of all numbers of `bits_` bits. The halves may differ by a bit, so each round changes one in place of the
    /// other by xor, which is undone by doing it again.
    constexpr std::uint64_t scramble(std::uint64_t x) const {
        int const low = bits_ / 2, high = bits_ - low;
        std::uint64_t const low_mask = (std::uint64_t{1} << low) - 1, high_mask = (std::uint64_t{1} << high) - 1;
        std::uint64_t a = x & low_mask, b = x >> low;
        for (std::size_t round = 0; round < keys_.size(); round += 2) {
            a ^= hash(b, keys_[round]) & low_mask;
            b ^= hash(a, keys_[round + 1]) & high_mask;
        }
        return b << low | a;
    }
    static constexpr std::uint64_t hash(std::uint64_t half, std::uint64_t key) {
        std::uint64_t const x = (half + key) * 0x9e3779b97f4a7c15;
        return (x ^ (x >> 29)) * 0xbf58476d1ce4e5b9 >> 32;
    }

    std::size_t size_;
    int bits_;
    std::array<std::uint64_t, 12> keys_{};
};

}  // namespace tutti::partition
