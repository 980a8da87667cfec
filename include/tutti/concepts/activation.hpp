#pragma once

#include <tutti/concepts/elements.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <ranges>
#include <span>
#include <tuple>
#include <type_traits>

namespace tutti {
namespace detail {

/// Says its shape itself: `shape()` gives a std::array of extents, `resize(shape)` takes one, `data()` points to as many elements
/// as the extents' product.
template <class A>
concept shaped = requires(A& a, A const& c) {
    std::tuple_size<std::remove_cvref_t<decltype(c.shape())>>::value;
    a.resize(c.shape());
    *a.data();
};

/// A matrix as Eigen and others have it.
template <class A>
concept matrix_like = requires(A& a, A const& c) {
    { c.rows() } -> std::integral;
    { c.cols() } -> std::integral;
    a.resize(c.rows(), c.cols());
    *a.data();
};

/// A row of elements, as many as it is told, such as a vector; or as many as its type says, such as an array.
template <class A>
concept resizable_row = contiguous_elements<A> && requires(A& a, std::size_t size) {
    a.resize(size);
};
template <class A>
concept fixed_row = contiguous_elements<A> && !std::ranges::borrowed_range<A> && requires {
    std::tuple_size<A>::value;
};

/// The extents of an activation.
template <class A>
constexpr auto extents_of(A const& a) {
    if constexpr (shaped<A>) {
        std::array<std::size_t, std::tuple_size_v<std::remove_cvref_t<decltype(a.shape())>>> all{};
        auto const shape = a.shape();
        for (std::size_t k = 0; k < all.size(); ++k) all[k] = static_cast<std::size_t>(shape[k]);
        return all;
    } else if constexpr (matrix_like<A>) {
        return std::array{static_cast<std::size_t>(a.rows()), static_cast<std::size_t>(a.cols())};
    } else {
        return std::array{std::ranges::size(a)};
    }
}

template <class A>
using extents_t = decltype(extents_of(std::declval<A const&>()));

/// Gives an activation these extents; what it holds then is yet to be written.
template <class A>
void resize_to(A& a, extents_t<A> const& extents) {
    if constexpr (shaped<A>) {
        auto shape = a.shape();
        for (std::size_t k = 0; k < extents.size(); ++k)
            shape[k] = static_cast<std::remove_cvref_t<decltype(shape[k])>>(extents[k]);
        a.resize(shape);
    } else if constexpr (matrix_like<A>) {
        a.resize(static_cast<std::remove_cvref_t<decltype(a.rows())>>(extents[0]),
                 static_cast<std::remove_cvref_t<decltype(a.cols())>>(extents[1]));
    } else if constexpr (resizable_row<A>) {
        a.resize(extents[0]);
    }
}

template <class A>
auto span_of(A& a) {
    std::size_t count = 1;
    for (std::size_t const each : extents_of(a)) count *= each;
    return std::span{a.data(), count};
}

}  // namespace detail

/// What layers hand to one another, of the user's own type: elements side by side with a shape. One of
///     - a type with `data()`, `shape()`, a std::array of extents, and `resize(shape)`;
///     - a matrix with `data()`, `rows()`, `cols()` and `resize(rows, cols)`, such as Eigen's;
///     - a vector, or a std::array.
/// Default-constructible and movable, since the rank that receives one builds it. Elements are trivially copyable.
template <class A>
concept activation = std::default_initializable<A> && std::movable<A> &&
                     (detail::shaped<A> || detail::matrix_like<A> || detail::resizable_row<A> || detail::fixed_row<A>) &&
                     std::is_trivially_copyable_v<std::remove_cvref_t<decltype(*std::declval<A&>().data())>>;

}  // namespace tutti
