#pragma once

#include <tutti/concepts/element_type.hpp>
#include <tutti/detail/least_standard.hpp>

#include <cstdint>
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

/// Whether an operation is one of the standard library's, on whatever it is given or on elements of type T.
template <class Operation, class T, template <class> class... Known>
inline constexpr bool is_standard = (is_one_of<Operation, Known<void>, Known<T>> || ...);

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
     (std::is_same_v<Operation, average> || detail::is_standard<Operation, T, std::plus, std::multiplies>)) ||
    (number_kind_of<T> != number_kind::none && number_kind_of<T> != number_kind::complex &&
     (detail::is_one_of<Operation, minimum, maximum> ||
      detail::is_standard<Operation, T, std::bit_and, std::bit_or, std::bit_xor, std::logical_and, std::logical_or>));

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

namespace detail {

template <class Operation, class T>
constexpr operation_kind known_kind() {
    if constexpr (std::is_same_v<Operation, minimum>) return operation_kind::minimum;
    else if constexpr (std::is_same_v<Operation, maximum>) return operation_kind::maximum;
    else if constexpr (is_standard<Operation, T, std::plus>) return operation_kind::plus;
    else if constexpr (is_standard<Operation, T, std::multiplies>) return operation_kind::multiplies;
    else if constexpr (is_standard<Operation, T, std::bit_and>) return operation_kind::bit_and;
    else if constexpr (is_standard<Operation, T, std::bit_or>) return operation_kind::bit_or;
    else if constexpr (is_standard<Operation, T, std::bit_xor>) return operation_kind::bit_xor;
    else if constexpr (is_standard<Operation, T, std::logical_and>) return operation_kind::logical_and;
    else if constexpr (is_standard<Operation, T, std::logical_or>) return operation_kind::logical_or;
    else return operation_kind::other;
}

}  // namespace detail

template <class Operation, class T>
inline constexpr operation_kind operation_kind_of = detail::known_kind<Operation, T>();
template <class Operation, class T>
inline constexpr operation_kind operation_kind_of<commutative<Operation>, T> = operation_kind_of<Operation, T>;

}  // namespace tutti
