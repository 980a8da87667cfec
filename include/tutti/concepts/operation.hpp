#pragma once

#include <tutti/concepts/element_type.hpp>

#include <cstdint>
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

/// The sum of all ranks' elements, divided by the number of ranks: for all_reduce, reduce and reduce_scatter. Elements are real or
/// complex floating-point numbers; the sum must have room in them before it is divided.
/// Cost:   that of the sum, and one pass over this rank's result
struct average {};

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

/// The type in which an operation folds elements of type T.
template <class Operation, class T>
using folded_in = std::conditional_t<is_one_of<Operation, std::plus<T>, std::multiplies<T>> ||
                                         std::is_invocable_r_v<accumulator_t<T>, Operation const&, accumulator_t<T> const&,
                                                               accumulator_t<T> const&>,
                                     accumulator_t<T>, T>;

}  // namespace detail

/// Whether an operation is known to commute on elements of type T. Specialise it for types of your own.
template <class Operation, class T>
inline constexpr bool commutes =
    detail::is_commutative_wrapper<Operation> ||
    (number_kind_of<T> != number_kind::none &&
     detail::is_one_of<Operation, average, std::plus<>, std::plus<T>, std::multiplies<>, std::multiplies<T>>) ||
    (number_kind_of<T> != number_kind::none && number_kind_of<T> != number_kind::complex &&
     detail::is_one_of<Operation, minimum, maximum, std::bit_and<>, std::bit_and<T>, std::bit_or<>, std::bit_or<T>, std::bit_xor<>,
                       std::bit_xor<T>, std::logical_and<>, std::logical_and<T>, std::logical_or<>, std::logical_or<T>>);

/// The operations that backends know by themselves.
enum class operation_kind : std::uint8_t {
    other,
    plus,
    multiplies,
    minimum,
    maximum,
    bit_and,
    bit_or,
    bit_xor,
    logical_and,
    logical_or
};

template <class Operation, class T>
inline constexpr operation_kind operation_kind_of = operation_kind::other;
template <class Operation, class T>
inline constexpr operation_kind operation_kind_of<commutative<Operation>, T> = operation_kind_of<Operation, T>;
template <class T>
inline constexpr operation_kind operation_kind_of<minimum, T> = operation_kind::minimum;
template <class T>
inline constexpr operation_kind operation_kind_of<maximum, T> = operation_kind::maximum;
template <class T>
inline constexpr operation_kind operation_kind_of<std::plus<>, T> = operation_kind::plus;
template <class T>
inline constexpr operation_kind operation_kind_of<std::plus<T>, T> = operation_kind::plus;
template <class T>
inline constexpr operation_kind operation_kind_of<std::multiplies<>, T> = operation_kind::multiplies;
template <class T>
inline constexpr operation_kind operation_kind_of<std::multiplies<T>, T> = operation_kind::multiplies;
template <class T>
inline constexpr operation_kind operation_kind_of<std::bit_and<>, T> = operation_kind::bit_and;
template <class T>
inline constexpr operation_kind operation_kind_of<std::bit_and<T>, T> = operation_kind::bit_and;
template <class T>
inline constexpr operation_kind operation_kind_of<std::bit_or<>, T> = operation_kind::bit_or;
template <class T>
inline constexpr operation_kind operation_kind_of<std::bit_or<T>, T> = operation_kind::bit_or;
template <class T>
inline constexpr operation_kind operation_kind_of<std::bit_xor<>, T> = operation_kind::bit_xor;
template <class T>
inline constexpr operation_kind operation_kind_of<std::bit_xor<T>, T> = operation_kind::bit_xor;
template <class T>
inline constexpr operation_kind operation_kind_of<std::logical_and<>, T> = operation_kind::logical_and;
template <class T>
inline constexpr operation_kind operation_kind_of<std::logical_and<T>, T> = operation_kind::logical_and;
template <class T>
inline constexpr operation_kind operation_kind_of<std::logical_or<>, T> = operation_kind::logical_or;
template <class T>
inline constexpr operation_kind operation_kind_of<std::logical_or<T>, T> = operation_kind::logical_or;

}  // namespace tutti
