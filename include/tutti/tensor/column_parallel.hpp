#pragma once

#include <tutti/concepts/layer.hpp>
#include <tutti/tensor/split_layer.hpp>
#include <tutti/tensor/sum_over.hpp>

#include <type_traits>
#include <utility>

namespace tutti::tensor {

/// A layer whose outputs are split over a group: each rank holds the columns of the weights, and of the bias, that make its part of
/// the outputs from all of the inputs. `partition::columns` deals them. Takes inputs that are equal on all ranks; gives this rank's
/// outputs. Collective backward.
/// @tparam Layer  the user's own, of this rank's size: nothing in it knows of the group
/// Cost:   the layer's; backward one all_reduce of the gradient in its inputs, none where its backward gives nothing
/// Order:  gradients that go back are equal on all ranks, bit for bit; another number of ranks rounds differently
/// Source: Shoeybi et al. 2019, arXiv:1909.08053
template <class Group, class Layer>
class column_parallel : public split_layer<Group, Layer> {
public:
    using saved = typename Layer::saved;

    column_parallel(Group& group, Layer layer) : split_layer<Group, Layer>{group, std::move(layer)} {}

    template <class X>
        requires goes_forward<Layer, X>
    auto forward(X&& x, saved& kept) { return this->layer().forward(std::forward<X>(x), kept); }
    template <class Dy>
        requires goes_back<Layer, Dy>
    auto backward(Dy&& dy, saved& kept) {
        using gradient = std::remove_cvref_t<decltype(this->layer().backward(std::forward<Dy>(dy), kept))>;
        if constexpr (std::is_void_v<gradient>) {
            this->layer().backward(std::forward<Dy>(dy), kept);
        } else {
            detail::require_activation<gradient>();
            gradient dx = this->layer().backward(std::forward<Dy>(dy), kept);
            sum_over(this->split_over(), dx);
            return dx;
        }
    }
};

}  // namespace tutti::tensor
