#pragma once

#include <tutti/concepts/activation.hpp>
#include <tutti/concepts/communicator.hpp>
#include <tutti/concepts/layer.hpp>
#include <tutti/concepts/model.hpp>

#include <cstddef>
#include <utility>

namespace tutti::tensor {

/// What layers that are split over a group share: this rank's part of the layer, a layer of the user's own, all of whose parameters
/// are parts.
template <class Group, class Layer>
class split_layer {
    static_assert(
        communicator<Group>,
        "tutti: tensor::column_parallel or row_parallel{group, layer}: group is no communicator; that of an axis of a mesh "
        "is grid.along(name); see tutti/comm/mesh.hpp");
    static_assert(
        pipeline_layer<Layer>,
        "tutti: tensor::column_parallel or row_parallel{group, layer}: the second argument is no layer: it needs a nested "
        "type `saved`, forward(x, saved) and backward(dy, saved); see tutti/concepts/layer.hpp");

public:
    /// @param  group  must outlive the layer
    split_layer(Group& group, Layer layer) : group_{&group}, layer_{std::move(layer)} {}

    decltype(auto) parameters() requires requires(Layer& layer) { parameters_of(layer); }
    { return parameters_of(layer_); }
    decltype(auto) gradients() requires requires(Layer& layer) { gradients_of(layer); }
    { return gradients_of(layer_); }

    Group& split_over() const { return *group_; }
    static constexpr bool is_part(std::size_t /*block*/) { return true; }

    /// This rank's part. Local.
    Layer& layer() { return layer_; }

private:
    Group* group_;
    Layer layer_;
};

namespace detail {

template <class A>
constexpr void require_activation() {
    static_assert(
        activation<A>,
        "tutti: tensor::column_parallel or row_parallel{group, layer}: the layer gives something that cannot be summed over "
        "the group: a vector, a matrix with data(), rows(), cols() and resize(rows, cols), or a type with data(), shape() "
        "and resize(shape); see tutti/concepts/activation.hpp");
}

}  // namespace detail
}  // namespace tutti::tensor
