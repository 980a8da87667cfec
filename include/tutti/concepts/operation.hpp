#pragma once

#include <algorithm>
#include <functional>
#include <type_traits>
#include <utility>

namespace tutti {

/// The smaller of two elements.
struct minimum {
    template <class T>
    constexpr T operator()(T const& a, T const& b) const {
        return b < a ? b : a;
    }
};

/// The larger of two elements.
struct maximum {
    template <class T>
    constexpr T operator()(T const& a, T const& b) const {
        return a < b ? b : a;
    }
};

/// Says of an operation that it commutes, so that an algorithm may fold in another order than the ranks'.
template <class Operation>
struct commutative : Operation {
    explicit commutative(Operation operation) : Operation{std::move(operation)} {}
};

namespace detail {

template <class Operation>
inline constexpr bool is_commutative_wrapper = false;
template <class Operation>
inline constexpr bool is_commutative_wrapper<commutative<Operation>> = true;

template <class Operation, class... Known>
inline constexpr bool is_one_of = (std::is_same_v<Operation, Known> || ...);

}  // namespace detail

/// Whether an operation is known to commute on elements of type T. Specialise it for types of your own.
template <class Operation, class T>
inline constexpr bool commutes =
    detail::is_commutative_wrapper<Operation> ||
    (std::is_arithmetic_v<T> &&
     detail::is_one_of<Operation, minimum, maximum, std::plus<>, std::plus<T>, std::multiplies<>, std::multiplies<T>, std::bit_and<>,
                       std::bit_and<T>, std::bit_or<>, std::bit_or<T>, std::bit_xor<>, std::bit_xor<T>, std::logical_and<>,
                       std::logical_and<T>, std::logical_or<>, std::logical_or<T>>);

}  // namespace tutti
