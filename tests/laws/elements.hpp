#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <vector>

/// Element types that collectives move, each with a value for every (rank, index) and an associative operation.
/// The values are small whole numbers, so that sums are exact and have one right result.
namespace laws {

/// Has padding.
struct moments {
    double sum;
    std::int32_t count;

    friend bool operator==(moments const&, moments const&) = default;
};

/// Of odd size and no alignment.
struct three_bytes {
    std::array<std::uint8_t, 3> byte;

    friend bool operator==(three_bytes const&, three_bytes const&) = default;
};

/// x -> a x + b modulo 2^64; composition does not commute.
struct affine {
    std::uint64_t a, b;

    friend bool operator==(affine const&, affine const&) = default;
};

/// Aligned beyond what memory from `new` gives. A 2 x 2 matrix modulo 2^64; its product does not commute.
struct alignas(64) matrix {
    std::array<std::uint64_t, 4> at;

    friend bool operator==(matrix const&, matrix const&) = default;
};

/// The element that `rank` brings at `index`.
template <class T>
T value(int rank, std::size_t index) {
    auto const r = static_cast<unsigned>(rank), i = static_cast<unsigned>(index);
    if constexpr (std::same_as<T, moments>) return {0.5 * (r + 1) + i % 11, static_cast<std::int32_t>(r + i % 5)};
    else if constexpr (std::same_as<T, three_bytes>)
        return {{static_cast<std::uint8_t>(r + i), static_cast<std::uint8_t>(3 * r + i), static_cast<std::uint8_t>(r * i + 1)}};
    else if constexpr (std::same_as<T, affine>) return {2 * r + 3 + i % 4, r + i};
    else if constexpr (std::same_as<T, matrix>) return {{r + 1, i % 9, 1, r + i}};
    else return static_cast<T>((r + 1) * (1 + i % 7));
}

/// Those at n indices from `first` on.
template <class T>
std::vector<T> values(int rank, std::size_t n, std::size_t first = 0) {
    std::vector<T> all(n);
    for (std::size_t i = 0; i < n; ++i) all[i] = value<T>(rank, first + i);
    return all;
}

/// Associative on the values above; commutes for numbers and `moments` alone.
struct combine {
    template <class T>
    T operator()(T const& x, T const& y) const {
        if constexpr (std::same_as<T, moments>) return {x.sum + y.sum, x.count + y.count};
        else if constexpr (std::same_as<T, three_bytes>)  // of the first, of the last, sum of all
            return {{x.byte[0], y.byte[1], static_cast<std::uint8_t>(x.byte[2] + y.byte[2])}};
        else if constexpr (std::same_as<T, affine>) return {x.a * y.a, y.a * x.b + y.b};  // first x, then y
        else if constexpr (std::same_as<T, matrix>)
            return {{x.at[0] * y.at[0] + x.at[1] * y.at[2], x.at[0] * y.at[1] + x.at[1] * y.at[3],
                     x.at[2] * y.at[0] + x.at[3] * y.at[2], x.at[2] * y.at[1] + x.at[3] * y.at[3]}};
        else return static_cast<T>(x + y);
    }
};

/// The naive reduction, in rank order.
template <class T, class Operation = combine>
T folded(int ranks, std::size_t index, Operation const& operation = {}) {
    T result = value<T>(0, index);
    for (int rank = 1; rank < ranks; ++rank) result = static_cast<T>(operation(result, value<T>(rank, index)));
    return result;
}

}  // namespace laws
