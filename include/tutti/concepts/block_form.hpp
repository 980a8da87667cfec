#pragma once

#include <tutti/concepts/blocks.hpp>
#include <tutti/concepts/model.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <concepts>
#include <cstddef>
#include <iterator>
#include <span>
#include <vector>

namespace tutti {

/// A block of parameters as a matrix: `rows` runs of `columns` numbers each. A vector of n is {n, 1}.
struct block_shape {
    std::size_t rows = 0, columns = 1;
};

/// What a policy knows of one block of a model's gradients before there are any.
struct block_form {
    block_shape shape{};
    std::size_t number = sizeof(float);  ///< bytes of one number

    constexpr std::size_t count() const { return shape.rows * shape.columns; }
    constexpr std::size_t bytes() const { return count() * number; }
};

/// Bytes of all blocks.
constexpr std::size_t bytes_of(std::span<block_form const> blocks) {
    std::size_t sum = 0;
    for (block_form const& each : blocks) sum += each.bytes();
    return sum;
}

/// A model that says which of its blocks are matrices: `shapes()` gives a `block_shape` for each, in the order in which
/// `tutti::for_each_block` goes through `parameters()`. Rows and columns may be swapped: what uses shapes takes both alike.
/// Laws: rows x columns is the size of the block; the same on all ranks and at every call
template <class Model>
concept has_shapes = requires(Model& model) {
    { *std::begin(model.shapes()) } -> std::convertible_to<block_shape>;
};

namespace detail {

/// The form of every block: a vector, unless the model has shapes.
/// @throws usage_error  when shapes do not fit the blocks
template <class Model>
std::vector<block_form> forms_of(Model& model) {
    std::vector<block_form> forms;
    for_each_block(parameters_of(model), [&](auto block) {
        forms.push_back({{block.size(), 1}, sizeof(typename decltype(block)::value_type)});
    });
    if constexpr (has_shapes<Model>) {
        std::size_t k = 0;
        for (block_shape const each : model.shapes()) {
            if (k < forms.size() && each.rows * each.columns != forms[k].count())
                raise<usage_error>({"tutti: the model says that block ", k, " is a matrix of ", each.rows, " x ", each.columns,
                                    ", and has ", forms[k].count(), " parameters there"});
            if (k < forms.size()) forms[k].shape = each;
            ++k;
        }
        if (k != forms.size())
            raise<usage_error>({"tutti: the model gives the shapes of ", k, " blocks and has ", forms.size()});
    }
    return forms;
}

}  // namespace detail
}  // namespace tutti
