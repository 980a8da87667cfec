#pragma once

#include <tutti/concepts/element_type.hpp>
#include <tutti/concepts/operation.hpp>
#include <tutti/detail/aligned_bytes.hpp>
#include <tutti/detail/copy_bytes.hpp>
#include <tutti/detail/least_standard.hpp>

#include <cstddef>
#include <cstring>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

namespace tutti {

/// An operation on elements with the types erased. One object per (element type, operation type); its address identifies both.
struct reduction {
    /// Folds elements [first, first + count) of `inputs` sources, in their order, and writes the result to `outputs`
    /// destinations. A destination may be one of the sources, but may not overlap one at another offset.
    void (*fold)(void const* operation, std::byte* const* out, int outputs, std::byte const* const* in, int inputs,
                 std::size_t first, std::size_t count);
    element_type const* type;
    std::string_view name;
    operation_kind kind = operation_kind::other;
    bool commutes = false;
    bool widens = false;  ///< whether it folds in a wider type: then the more sources it is given at once, the fewer roundings
};

namespace detail {

/// Works through memory of its own, so that sources and destinations may coincide, and a compiler that vectorises only loops of
/// known length (g++ -O2) still does.
template <std::size_t Length, class T, class Operation>
[[gnu::always_inline]] inline void fold_block(Operation const& combine, std::byte* const* out, int outputs, std::byte const* const* in,
                                              int inputs, std::size_t at) {
    alignas(std::max<std::size_t>(alignof(T), 64)) std::byte room[Length * sizeof(T)];
    T* const sum = reinterpret_cast<T*>(room);
    T const *a = reinterpret_cast<T const*>(in[0]) + at, *b = reinterpret_cast<T const*>(in[1]) + at;
    for (std::size_t i = 0; i < Length; ++i) ::new (static_cast<void*>(sum + i)) T(static_cast<T>(combine(a[i], b[i])));
    for (int k = 2; k < inputs; ++k) {
        b = reinterpret_cast<T const*>(in[k]) + at;
        for (std::size_t i = 0; i < Length; ++i) {
            T next(static_cast<T>(combine(std::as_const(sum[i]), b[i])));    // made there, it would overwrite what it is made from
            ::new (static_cast<void*>(sum + i)) T(static_cast<T&&>(next));
        }
    }
    for (int k = 0; k < outputs; ++k) std::memcpy(out[k] + at * sizeof(T), room, sizeof room);
}

/// What is left of one source: itself.
inline void copy_to_all(std::byte* const* out, int outputs, std::byte const* in, std::size_t at, std::size_t bytes) {
    for (int k = 0; k < outputs; ++k)
        if (out[k] != in) copy_bytes(out[k] + at, in + at, bytes);
}

/// Whether elements are numbers, added as they are.
template <class T, class Operation>
inline constexpr bool adds_numbers =
    is_one_of<Operation, std::plus<>, std::plus<T>> &&
    is_one_of<T, char, signed char, unsigned char, short, unsigned short, int, unsigned, long, unsigned long, long long,
              unsigned long long, float, double>;

/// As many numbers as a register holds.
template <class T>
struct numbers {
#ifdef __AVX__
    static constexpr std::size_t bytes = 32;
#else
    static constexpr std::size_t bytes = 16;
#endif
    typedef T type __attribute__((vector_size(bytes), aligned(alignof(T)), may_alias));
};

/// Adds numbers, four registers at a time, from byte `at` on, and returns up to which. What compilers make of `fold_block` goes through
/// memory, at half the speed where buffers are in the cache.
template <class T>
[[gnu::always_inline]] inline std::size_t add_numbers(std::byte* const* out, int outputs, std::byte const* const* in, int inputs,
                                                      std::size_t at, std::size_t last) {
    using several = typename numbers<T>::type;
    std::byte const *const first = in[0], *const second = in[1];
    for (; last - at >= 4 * sizeof(several); at += 4 * sizeof(several)) {
        auto const* a = reinterpret_cast<several const*>(first + at);
        auto const* b = reinterpret_cast<several const*>(second + at);
        several sum0 = a[0] + b[0], sum1 = a[1] + b[1], sum2 = a[2] + b[2], sum3 = a[3] + b[3];
        for (int k = 2; k < inputs; ++k) {
            b = reinterpret_cast<several const*>(in[k] + at);
            sum0 += b[0], sum1 += b[1], sum2 += b[2], sum3 += b[3];
        }
        for (int k = 0; k < outputs; ++k) {
            auto* const to = reinterpret_cast<several*>(out[k] + at);
            to[0] = sum0, to[1] = sum1, to[2] = sum2, to[3] = sum3;
        }
    }
    return at;
}

/// The body of `reduction::fold`.
template <class T, class Operation>
void fold(void const* operation, std::byte* const* out, int outputs, std::byte const* const* in, int inputs, std::size_t first,
          std::size_t count) {
    auto const& combine = *static_cast<Operation const*>(operation);
    if (inputs == 1) return copy_to_all(out, outputs, in[0], first * sizeof(T), count * sizeof(T));
    constexpr std::size_t block = sizeof(T) < 32 ? 256 / sizeof(T) : 8;
    std::size_t const last = first + count;
    std::size_t at = first;
    if constexpr (adds_numbers<T, Operation>) {
        std::size_t const start = at * sizeof(T), end = last * sizeof(T);
        bool const pair = inputs == 2 && outputs == 2;  // of two ranks: known numbers need no inner loops
        at = (pair ? add_numbers<T>(out, 2, in, 2, start, end) : add_numbers<T>(out, outputs, in, inputs, start, end)) / sizeof(T);
    } else {
        for (; last - at >= block; at += block) fold_block<block, T>(combine, out, outputs, in, inputs, at);
    }
    if constexpr (block > 8)
        for (; last - at >= 8; at += 8) fold_block<8, T>(combine, out, outputs, in, inputs, at);
    for (; at < last; ++at) fold_block<1, T>(combine, out, outputs, in, inputs, at);
}

/// Folds in type A, wider than T, and rounds once.
template <class T, class A, class Operation>
void fold_wide(void const* operation, std::byte* const* out, int outputs, std::byte const* const* in, int inputs, std::size_t first,
               std::size_t count) {
    auto const& combine = *static_cast<Operation const*>(operation);
    constexpr std::size_t block = 64;
    A sum[block];
    T rounded[block];
    auto step = [&](A const& a, A const& b) {
        if constexpr (std::is_same_v<Operation, std::plus<T>>) return static_cast<A>(a + b);
        else if constexpr (std::is_same_v<Operation, std::multiplies<T>>) return static_cast<A>(a * b);
        else return static_cast<A>(combine(a, b));
    };
    for (std::size_t at = first, last = first + count; at < last; at += block) {
        std::size_t const n = std::min(block, last - at);
        auto source = [&](int k) { return reinterpret_cast<T const*>(in[k]) + at; };
        for (std::size_t i = 0; i < n; ++i) sum[i] = static_cast<A>(source(0)[i]);
        for (int k = 1; k < inputs; ++k)
            for (std::size_t i = 0; i < n; ++i) sum[i] = step(sum[i], static_cast<A>(source(k)[i]));
        for (std::size_t i = 0; i < n; ++i) rounded[i] = static_cast<T>(sum[i]);
        for (int k = 0; k < outputs; ++k) std::memcpy(out[k] + at * sizeof(T), static_cast<void const*>(rounded), n * sizeof(T));
    }
}

/// The type that elements are folded as: signed and unsigned numbers have sums of the same bits, so one fold serves both.
template <class T, class Operation>
using folded_as =
    typename std::conditional_t<is_one_of<T, char, signed char, short, int, long, long long> &&
                                    is_one_of<Operation, std::plus<>, std::bit_and<>, std::bit_or<>, std::bit_xor<>>,
                                std::make_unsigned<T>, std::type_identity<T>>::type;

template <class T, class Operation>
constexpr reduction make_reduction(std::string_view name, operation_kind kind, bool commuting) {
    using wide = folded_in<Operation, T>;
    if constexpr (std::is_same_v<wide, T>) return {&fold<folded_as<T, Operation>, Operation>, &element_type_of<T>, name, kind, commuting};
    else return {&fold_wide<T, wide, Operation>, &element_type_of<T>, name, kind, commuting, true};
}

}  // namespace detail

template <class T, class Operation>
inline constexpr reduction reduction_of =
    detail::make_reduction<T, Operation>(detail::type_name<Operation>(), operation_kind_of<Operation, T>, commutes<Operation, T>);

/// An average is folded as a sum, by a `std::plus<>`, and divided by who asked for it.
template <class T>
inline constexpr reduction reduction_of<T, average> =
    detail::make_reduction<T, std::plus<>>("tutti::average", operation_kind::plus, commutes<average, T>);

}  // namespace tutti
