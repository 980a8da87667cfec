#pragma once

#include <tutti/concepts/memory_space.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ranges>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace tutti {

/// Numbers side by side, seen through a view or a reference, so that they outlive the expression that gave them.
template <class Block>
concept number_block = std::ranges::contiguous_range<Block> && std::ranges::sized_range<Block> &&
                       std::ranges::borrowed_range<Block> && std::is_arithmetic_v<std::ranges::range_value_t<Block>>;

/// The same in a device's memory: a `device_span`.
template <class Block>
concept device_block =
    detail::is_device_view<std::remove_cvref_t<Block>> && std::is_arithmetic_v<typename std::remove_cvref_t<Block>::value_type>;

namespace detail {

template <class Blocks>
concept tuple_like = requires { std::tuple_size<std::remove_cvref_t<Blocks>>::value; };

template <class Blocks>
constexpr bool all_blocks() {
    if constexpr (number_block<Blocks> || device_block<Blocks>) return true;
    else if constexpr (std::ranges::range<Blocks>) {
        if constexpr (std::is_arithmetic_v<std::ranges::range_value_t<Blocks>>) return false;
        // What a container that is a temporary holds is gone with it: views may be there, numbers may not.
        else if constexpr (std::ranges::borrowed_range<Blocks>) return all_blocks<std::ranges::range_reference_t<Blocks>>();
        else return all_blocks<std::ranges::range_value_t<Blocks>>();
    } else if constexpr (tuple_like<Blocks>) {
        return []<std::size_t... I>(std::index_sequence<I...>) {
            return (all_blocks<decltype(std::get<I>(std::declval<Blocks>()))>() && ...);
        }(std::make_index_sequence<std::tuple_size_v<std::remove_cvref_t<Blocks>>>{});
    } else {
        return false;
    }
}

template <class Blocks>
constexpr bool all_writable() {
    if constexpr (number_block<Blocks>) return !std::is_const_v<std::remove_reference_t<std::ranges::range_reference_t<Blocks>>>;
    else if constexpr (device_block<Blocks>) return !std::is_const_v<typename std::remove_cvref_t<Blocks>::element_type>;
    else if constexpr (std::ranges::range<Blocks>) return all_writable<std::ranges::range_reference_t<Blocks>>();
    else if constexpr (tuple_like<Blocks>) {
        return []<std::size_t... I>(std::index_sequence<I...>) {
            return (all_writable<decltype(std::get<I>(std::declval<Blocks>()))>() && ...);
        }(std::make_index_sequence<std::tuple_size_v<std::remove_cvref_t<Blocks>>>{});
    } else {
        return false;
    }
}

/// Whether two lists of blocks nest alike and hold the same types of numbers; how many there are only run time tells.
template <class A, class B>
constexpr bool match() {
    if constexpr (number_block<A> && number_block<B>) {
        return std::is_same_v<std::ranges::range_value_t<A>, std::ranges::range_value_t<B>>;
    } else if constexpr (device_block<A> && device_block<B>) {
        return std::is_same_v<typename std::remove_cvref_t<A>::value_type, typename std::remove_cvref_t<B>::value_type>;
    } else if constexpr (number_block<A> || number_block<B> || device_block<A> || device_block<B>) {
        return false;
    } else if constexpr (std::ranges::range<A> && std::ranges::range<B>) {
        return match<std::ranges::range_reference_t<A>, std::ranges::range_reference_t<B>>();
    } else if constexpr (std::ranges::range<A> || std::ranges::range<B> || !tuple_like<A> || !tuple_like<B>) {
        return false;
    } else if constexpr (std::tuple_size_v<std::remove_cvref_t<A>> != std::tuple_size_v<std::remove_cvref_t<B>>) {
        return false;
    } else {
        return []<std::size_t... I>(std::index_sequence<I...>) {
            return (match<decltype(std::get<I>(std::declval<A>())), decltype(std::get<I>(std::declval<B>()))>() && ...);
        }(std::make_index_sequence<std::tuple_size_v<std::remove_cvref_t<A>>>{});
    }
}

}  // namespace detail

/// Calls `visit(std::span)` for every block of a model's parameters or gradients, in order; `visit(device_span)` for what is in a
/// device's memory. What policies go through them with.
template <class Blocks, class Visit>
constexpr void for_each_block(Blocks&& blocks, Visit&& visit) {
    if constexpr (number_block<Blocks>) {
        visit(std::span{std::ranges::data(blocks), std::ranges::size(blocks)});
    } else if constexpr (device_block<Blocks>) {
        visit(std::remove_cvref_t<Blocks>{blocks});
    } else if constexpr (requires { blocks.visit_blocks(visit); }) {  // blocks that are in several places
        blocks.visit_blocks(visit);
    } else if constexpr (std::ranges::range<Blocks>) {
        for (auto&& block : blocks) for_each_block(block, visit);
    } else {
        std::apply([&](auto&&... block) { (for_each_block(block, visit), ...); }, blocks);
    }
}

/// Calls `visit(parameters, gradients)` for every pair of blocks of two lists of equal shape, in order.
template <class A, class B, class Visit>
constexpr void for_each_block_pair(A&& a, B&& b, Visit&& visit) {
    if constexpr (number_block<A> && number_block<B>) {
        visit(std::span{std::ranges::data(a), std::ranges::size(a)}, std::span{std::ranges::data(b), std::ranges::size(b)});
    } else if constexpr (device_block<A>) {
        visit(std::remove_cvref_t<A>{a}, std::remove_cvref_t<B>{b});
    } else if constexpr (std::ranges::range<A>) {
        auto other = std::ranges::begin(b);
        for (auto&& block : a) for_each_block_pair(block, *other++, visit);
    } else {
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            (for_each_block_pair(std::get<I>(a), std::get<I>(b), visit), ...);
        }(std::make_index_sequence<std::tuple_size_v<std::remove_cvref_t<A>>>{});
    }
}

namespace detail {

/// Whether any of a list of blocks is in that memory.
template <memory_space Where, class Blocks>
constexpr bool any_block_in() {
    if constexpr (number_block<Blocks> || device_block<Blocks>) return space_of<Blocks> == Where;
    else if constexpr (std::ranges::range<Blocks>) return any_block_in<Where, std::ranges::range_reference_t<Blocks>>();
    else if constexpr (tuple_like<Blocks>) {
        return []<std::size_t... I>(std::index_sequence<I...>) {
            return (any_block_in<Where, decltype(std::get<I>(std::declval<Blocks>()))>() || ...);
        }(std::make_index_sequence<std::tuple_size_v<std::remove_cvref_t<Blocks>>>{});
    } else {
        return false;
    }
}

/// An error that says so where the parameters of a layer are not on the host.
template <bool on_host>
constexpr void require_on_host() {
    static_assert(on_host, "tutti: a layer's parameters are in device memory, and model_parallel_trainer works in the host's: train the "
                           "whole model by data_parallel_trainer");
}

/// Number of elements of every block, in order.
template <class Blocks>
std::vector<std::size_t> block_sizes(Blocks&& blocks) {
    std::vector<std::size_t> sizes;
    for_each_block(blocks, [&](auto block) { sizes.push_back(block.size()); });
    return sizes;
}

/// How a list of blocks nests: the length of every block and range in it, each range before what it holds. Of two lists of
/// types that match, those with equal shapes may be gone through in pairs.
template <class Blocks>
void append_shape(Blocks&& blocks, std::vector<std::size_t>& shape) {
    if constexpr (number_block<Blocks>) {
        shape.push_back(std::ranges::size(blocks));
    } else if constexpr (device_block<Blocks>) {
        shape.push_back(blocks.size());
    } else if constexpr (std::ranges::range<Blocks>) {
        auto const at = shape.size();
        shape.push_back(0);
        for (auto&& block : blocks) ++shape[at], append_shape(block, shape);
    } else {
        std::apply([&](auto&&... block) { (append_shape(block, shape), ...); }, blocks);
    }
}

template <class Blocks>
std::vector<std::size_t> shape_of(Blocks&& blocks) {
    std::vector<std::size_t> shape;
    append_shape(blocks, shape);
    return shape;
}

/// A hash of every byte of every block; equal bits give equal hashes.
/// Source: the FNV-1a construction, on 64-bit words
template <class Blocks>
std::uint64_t fingerprint(Blocks&& blocks) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for_each_block(blocks, [&](auto block) {
        auto const bytes = std::as_bytes(block);
        for (std::size_t at = 0; at < bytes.size(); at += 8) {
            std::uint64_t word = 0;
            std::memcpy(&word, bytes.data() + at, std::min<std::size_t>(8, bytes.size() - at));
            hash = (hash ^ word) * 0x100000001b3;
            hash ^= hash >> 29;
        }
    });
    return hash;
}

}  // namespace detail
}  // namespace tutti
