#include <tutti/concepts/half.hpp>
#include <tutti/concepts/operation.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <type_traits>

using tutti::bfloat16;
using tutti::half;

static_assert(std::is_trivial_v<half> && sizeof(half) == 2 && alignof(half) == 2);
static_assert(std::is_trivial_v<bfloat16> && sizeof(bfloat16) == 2);
static_assert(!std::is_convertible_v<float, half> && std::is_convertible_v<half, float>);
static_assert(half{1.5}.bits() == 0x3e00 && float{half::from_bits(0x0001)} == 0x1p-24f && half{} == half{0});
static_assert(bfloat16{1.5f}.bits() == 0x3fc0);
static_assert(tutti::commutes<std::plus<>, half> && tutti::commutes<tutti::maximum, bfloat16>);

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

/// What 16 bits mean: sign, `exponents` bits of exponent, and the rest a fraction.
double meaning(unsigned bits, int exponents) {
    int const fractions = 15 - exponents, bias = (1 << (exponents - 1)) - 1;
    int const exponent = static_cast<int>(bits >> fractions) & ((1 << exponents) - 1);
    double const fraction = std::ldexp(bits & ((1u << fractions) - 1), -fractions), sign = bits >> 15 ? -1 : 1;
    if (exponent == (1 << exponents) - 1) return fraction == 0 ? sign * static_cast<double>(infinity) : std::nan("");
    return exponent == 0 ? sign * std::ldexp(fraction, 1 - bias) : sign * std::ldexp(1 + fraction, exponent - bias);
}

/// What is wrong with a type, counted over all its 65536 values.
template <class T>
int wrong_values(int exponents) {
    int wrong = 0;
    for (unsigned bits = 0; bits < 0x10000; ++bits) {
        auto const value = T::from_bits(static_cast<std::uint16_t>(bits));
        double const wanted = meaning(bits, exponents);
        float const is{value};
        if (std::isnan(wanted)) {
            wrong += !std::isnan(is) || !std::isnan(float{T{is}}) || std::signbit(float{T{is}}) != (bits >> 15 != 0);
            continue;
        }
        wrong += static_cast<double>(is) != wanted || std::signbit(is) != (bits >> 15 != 0);
        wrong += T{is}.bits() != bits;
        wrong += (-value).bits() != (bits ^ 0x8000u);
    }
    return wrong;
}

/// Between each value and the next larger in size: the middle goes to the even one, what is nearer goes to the nearer.
template <class T>
int wrong_roundings(int exponents) {
    unsigned const first_infinite = ((1u << exponents) - 1) << (15 - exponents);
    int wrong = 0;
    for (unsigned low = 0; low < first_infinite; ++low)
        for (unsigned const sign : {0u, 0x8000u}) {
            unsigned const high = low + 1;  // infinity stands for the power of two that would come next
            double const above = high == first_infinite ? std::ldexp(1.0, 1 << (exponents - 1)) : meaning(high, exponents);
            double const middle = (meaning(low, exponents) + above) / 2 * (sign ? -1 : 1);
            auto const at = static_cast<float>(middle);
            auto bits = [&](float x) { return static_cast<unsigned>(T{x}.bits()); };
            wrong += bits(at) != ((low % 2 == 0 ? low : high) | sign);
            wrong += bits(std::nextafter(at, 0.f)) != (low | sign);
            wrong += bits(std::nextafter(at, sign ? -infinity : infinity)) != (high | sign);
        }
    return wrong;
}

}  // namespace

TEST_CASE("every half and every bfloat16 is the float that its bits mean, and comes back from it") {
    CHECK(wrong_values<half>(5) == 0);
    CHECK(wrong_values<bfloat16>(8) == 0);
}

TEST_CASE("floats become the nearest half or bfloat16, ties the even one, subnormals and overflow included") {
    CHECK(wrong_roundings<half>(5) == 0);
    CHECK(wrong_roundings<bfloat16>(8) == 0);
    CHECK(half{65519.99f}.bits() == 0x7bff);
    CHECK(half{65520.f}.bits() == 0x7c00);
    CHECK(half{1e30}.bits() == 0x7c00);
    CHECK(half{-infinity}.bits() == 0xfc00);
    CHECK(half{0x1p-25f}.bits() == 0);
    CHECK(half{-0x1p-26f}.bits() == 0x8000);
    CHECK(half{std::numeric_limits<float>::denorm_min()}.bits() == 0);
    CHECK(bfloat16{std::numeric_limits<float>::max()}.bits() == 0x7f80);
    CHECK(std::isnan(float{half{std::numeric_limits<float>::quiet_NaN()}}));
    CHECK(std::isnan(float{bfloat16{std::nanf("1")}}));
    CHECK(std::isnan(float{bfloat16::from_bits(0x7f81)}));
}

TEST_CASE_TEMPLATE("arithmetic is float's, rounded once, and mixes with float as float", T, half, bfloat16) {
    T const a{2.5f}, b{-1.25f};
    CHECK(float{a + b} == 1.25f);
    CHECK(float{a - b} == 3.75f);
    CHECK(float{a * b} == -3.125f);
    CHECK(float{a / b} == -2.f);
    CHECK(float{-a} == -2.5f);
    CHECK((a > b && b < a && a != b && a == T{2.5}));
    static_assert(std::is_same_v<decltype(a + b), T> && std::is_same_v<decltype(a + 1.f), float>);
    static_assert(std::is_same_v<decltype(2 * a), float> && std::is_same_v<decltype(a + 1.0), double>);
    T c = a;
    c += b, c -= T{0.25}, c *= T{4}, c /= T{2};
    CHECK(float{c} == 2.f);
}
