#pragma once

#include <tutti/concepts/element_type.hpp>

#include <bit>
#include <cstdint>
#include <type_traits>

namespace tutti {
namespace detail {

/// Arithmetic of a type that stores a number in 16 bits: every operation is done in float and rounded once. Comparisons are those
/// of float, by conversion.
template <class Self>
class narrow_float {
    friend constexpr Self operator+(Self a, Self b) { return Self{float{a} + float{b}}; }
    friend constexpr Self operator-(Self a, Self b) { return Self{float{a} - float{b}}; }
    friend constexpr Self operator*(Self a, Self b) { return Self{float{a} * float{b}}; }
    friend constexpr Self operator/(Self a, Self b) { return Self{float{a} / float{b}}; }
    friend constexpr Self operator-(Self a) { return Self::from_bits(static_cast<std::uint16_t>(a.bits() ^ 0x8000u)); }
    friend constexpr Self& operator+=(Self& a, Self b) { return a = a + b; }
    friend constexpr Self& operator-=(Self& a, Self b) { return a = a - b; }
    friend constexpr Self& operator*=(Self& a, Self b) { return a = a * b; }
    friend constexpr Self& operator/=(Self& a, Self b) { return a = a / b; }
};

/// The upper bits of `from` without its lowest `cut` ones, rounded to nearest, ties to even. 1 <= cut <= 31.
constexpr std::uint32_t round_off(std::uint32_t from, std::uint32_t cut) {
    std::uint32_t const kept = from >> cut, lost = from & ((1u << cut) - 1), tie = 1u << (cut - 1);
    return kept + (lost > tie || (lost == tie && (kept & 1) != 0));
}

}  // namespace detail

/// IEEE 754 binary16: 11 bits of precision, up to 65504. For storage and transport: arithmetic is done in float, and reductions
/// add up in float and round once (see `accumulator`).
class half : detail::narrow_float<half> {
public:
    half() = default;
    /// The nearest half, ties to even; beyond 65520 infinity. A number of another type goes through float first.
    template <class Number>
        requires std::is_arithmetic_v<Number>
    explicit constexpr half(Number value) : bits_{narrowed(static_cast<float>(value))} {}
    /// Exact.
    constexpr operator float() const {
        std::uint32_t const sign = (bits_ & 0x8000u) << 16, exponent = bits_ >> 10 & 31u, fraction = bits_ & 0x3ffu;
        if (exponent == 0) {  // zero or subnormal: so many times 2^-24
            float const size = static_cast<float>(fraction) * 0x1p-24f;
            return sign != 0 ? -size : size;
        }
        std::uint32_t const wide = exponent == 31 ? 255u : exponent + 112u;
        return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
    }

    static constexpr half from_bits(std::uint16_t bits) {
        half result{0.f};
        result.bits_ = bits;
        return result;
    }
    constexpr std::uint16_t bits() const { return bits_; }

private:
    static constexpr std::uint16_t narrowed(float value) {
        auto const from = std::bit_cast<std::uint32_t>(value);
        std::uint32_t const sign = from >> 16 & 0x8000u, size = from & 0x7fffffffu, exponent = size >> 23;
        std::uint32_t result = 0;  // below 2^-25, which is half of the smallest subnormal
        if (size > 0x7f800000u) result = 0x7e00u | (size >> 13 & 0x3ffu);     // a NaN stays one, made quiet
        else if (exponent >= 143) result = 0x7c00u;                           // 2^16 and more
        else if (exponent >= 113) result = detail::round_off(size - (112u << 23), 13);  // a carry goes on into the exponent
        else if (exponent >= 102) result = detail::round_off((size & 0x7fffffu) | 0x800000u, 126 - exponent);
        return static_cast<std::uint16_t>(sign | result);
    }

    std::uint16_t bits_;
};

/// The upper half of a float: 8 bits of precision, the range of float. For storage and transport, as `half`.
class bfloat16 : detail::narrow_float<bfloat16> {
public:
    bfloat16() = default;
    /// The nearest bfloat16, ties to even. A number of another type goes through float first.
    template <class Number>
        requires std::is_arithmetic_v<Number>
    explicit constexpr bfloat16(Number value) : bits_{narrowed(static_cast<float>(value))} {}
    /// Exact.
    constexpr operator float() const { return std::bit_cast<float>(static_cast<std::uint32_t>(bits_) << 16); }

    static constexpr bfloat16 from_bits(std::uint16_t bits) {
        bfloat16 result{0.f};
        result.bits_ = bits;
        return result;
    }
    constexpr std::uint16_t bits() const { return bits_; }

private:
    static constexpr std::uint16_t narrowed(float value) {
        auto const from = std::bit_cast<std::uint32_t>(value);
        bool const is_nan = (from & 0x7fffffffu) > 0x7f800000u;
        return static_cast<std::uint16_t>(is_nan ? from >> 16 | 0x40u : detail::round_off(from, 16));
    }

    std::uint16_t bits_;
};

template <>
inline constexpr number_kind number_kind_of<half> = number_kind::floating_point;
template <>
inline constexpr number_kind number_kind_of<bfloat16> = number_kind::brain_floating_point;

template <>
struct accumulator<half> {
    using type = float;
};
template <>
struct accumulator<bfloat16> {
    using type = float;
};

}  // namespace tutti
