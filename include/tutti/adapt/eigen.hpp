#pragma once

#include <tutti/concepts/elements.hpp>

#include <Eigen/Core>

#include <cstddef>
#include <span>
#include <tuple>
#include <type_traits>

/// Eigen's matrices, vectors and arrays as what tutti takes: a model's parameters and gradients, elements of collectives. What layers
/// hand to one another they are without help: `activation<Eigen::MatrixXf>` holds.
namespace tutti::adapt {
namespace detail {

template <class T>
concept fixed_size_eigen = std::is_base_of_v<Eigen::PlainObjectBase<T>, T> && T::SizeAtCompileTime != Eigen::Dynamic;

template <class Derived>
using eigen_scalar = typename Eigen::internal::traits<Derived>::Scalar;

}  // namespace detail

/// The numbers of a matrix, vector or array of Eigen's, in the order they have in memory: valid until it is resized or gone. Local.
template <class Derived>
std::span<detail::eigen_scalar<Derived>> span_of(Eigen::PlainObjectBase<Derived>& x) {
    return {x.data(), static_cast<std::size_t>(x.size())};
}
template <class Derived>
std::span<detail::eigen_scalar<Derived> const> span_of(Eigen::PlainObjectBase<Derived> const& x) {
    return {x.data(), static_cast<std::size_t>(x.size())};
}
template <class Derived>
void span_of(Eigen::PlainObjectBase<Derived>&& x) = delete;  // its numbers would be gone

/// Those of a map without strides.
template <class Plain, int options>
auto span_of(Eigen::Map<Plain, options> x) {
    return std::span{x.data(), static_cast<std::size_t>(x.size())};
}

/// Those of matrices or vectors of a fixed size that lie side by side, as in a `std::vector<Eigen::Vector3f>`. Elements of collectives
/// they are not by themselves, since Eigen copies them by functions of its own.
template <contiguous_elements Range>
    requires detail::fixed_size_eigen<element_t<Range>>
auto span_of(Range& range) {
    using matrix = element_t<Range>;
    static_assert(sizeof(matrix) == sizeof(typename matrix::Scalar) * matrix::SizeAtCompileTime);
    auto* const first = std::data(range);
    return std::span{std::size(range) == 0 ? nullptr : first->data(), std::size(range) * std::size_t{matrix::SizeAtCompileTime}};
}

template <class Derived>
void span_of(Eigen::DenseBase<Derived> const& /*x*/) {
    static_assert(!std::is_same_v<Derived, Derived>,
                  "tutti: adapt::span_of(x): x is an expression or a block of Eigen's, which has no numbers of its own side by side: "
                  "give it the matrix, vector or array, or an Eigen::Map without strides");
}

/// The numbers of several: what a model's `parameters()` or `gradients()` may return, as in `return spans_of(weights, bias);`.
template <class... X>
auto spans_of(X&... x) {
    return std::tuple{span_of(x)...};
}

}  // namespace tutti::adapt
