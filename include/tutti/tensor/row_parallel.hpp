#pragma once

#include <tutti/concepts/layer.hpp>
#include <tutti/tensor/split_layer.hpp>
#include <tutti/tensor/sum_over.hpp>

#include <type_traits>
#include <utility>

namespace tutti::tensor {

/// A layer whose inputs are split over a group: each rank holds the rows of the weights that its part of the inputs meets, and all
/// outputs are summed. `partition::rows` deals them. Takes this rank's inputs, as `column_parallel` gives them; gives outputs that
/// are equal on all ranks. Collective forward.
/// What the layer adds is summed too, so a bias that every rank adds would count as often as there are ranks: let one rank of the
/// group have it, or a layer of its own, equal on all ranks, that adds it behind the sum.
/// @tparam Layer  the user's own, of this rank's size: nothing in it knows of the group
/// Cost:   the layer's; forward one all_reduce of its outputs
/// Order:  outputs are equal on all ranks, bit for bit; another number of ranks rounds differently
/// Source: Shoeybi et al. 2019, arXiv:1909.08053
template <class Group, class Layer>
class row_parallel : public split_layer<Group, Layer> {
public:
    using saved = typename Layer::saved;

    row_parallel(Group& group, Layer layer) : split_layer<Group, Layer>{group, std::move(layer)} {}

    template <class X>
        requires goes_forward<Layer, X>
    auto forward(X&& x, saved& kept) {
        using output = std::remove_cvref_t<decltype(this->layer().forward(std::forward<X>(x), kept))>;
        detail::require_activation<output>();
        output y = this->layer().forward(std::forward<X>(x), kept);
        sum_over(this->split_over(), y);
        return y;
    }
    template <class Dy>
        requires goes_back<Layer, Dy>
    auto backward(Dy&& dy, saved& kept) { return this->layer().backward(std::forward<Dy>(dy), kept); }
};

}  // namespace tutti::tensor
