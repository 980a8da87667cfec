#pragma once

#include <tutti/concepts/block_form.hpp>
#include <tutti/concepts/blocks.hpp>
#include <tutti/concepts/layer.hpp>
#include <tutti/concepts/model.hpp>
#include <tutti/train/layers.hpp>

#include <cstddef>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

namespace tutti::detail {

/// Calls `use(std::integral_constant<std::size_t, k>)` for each k < N.
template <std::size_t N, class Use>
void for_each_index(Use use) {
    [&]<std::size_t... K>(std::index_sequence<K...>) {
        (use(std::integral_constant<std::size_t, K>{}), ...);
    }(std::make_index_sequence<N>{});
}

/// The same for the one k that is `at`.
template <std::size_t N, class Use>
void with_index(std::size_t at, Use use) {
    for_each_index<N>([&](auto k) {
        if (k == at) use(k);
    });
}

template <class Model, class Sequence>
struct owned_layers;
template <class Model, std::size_t... K>
struct owned_layers<Model, std::index_sequence<K...>> {
    using type = std::tuple<std::unique_ptr<layer_t<Model, K>>...>;
};

/// The layers [first, last) of a model, built; the others are known by their types alone.
template <class Model>
class stage {
public:
    static constexpr std::size_t count = Model::count;

    /// Calls the factories of these layers, in order.
    void build(Model& model, std::size_t first, std::size_t last) {
        first_ = last_ = first;  // what is not built is not owned, even where a factory throws
        for_each_index<count>([&](auto k) {
            if (k < first || last <= k) return;
            // From the factory's own result, so that a layer need not be movable.
            std::get<k>(layers_).reset(new layer_t<Model, k>(model.template factory<k>()()));
            last_ = k + 1;
        });
    }

    std::size_t first() const { return first_; }
    std::size_t last() const { return last_; }
    bool owns(std::size_t k) const { return first_ <= k && k < last_; }

    template <std::size_t K>
    layer_t<Model, K>& layer() {
        return *std::get<K>(layers_);
    }

    /// `visit(layer, k)` for each layer that is here, with its number as an integral_constant.
    template <class Visit>
    void for_each(Visit visit) {
        for_each_index<count>([&](auto k) {
            if (owns(k)) visit(layer<k>(), k);
        });
    }
    /// The same for those that learn.
    template <class Visit>
    void for_each_learning(Visit visit) {
        for_each_index<count>([&](auto k) {
            if constexpr (learns<layer_t<Model, k>>)
                if (owns(k)) visit(layer<k>(), k);
        });
    }

private:
    typename owned_layers<Model, std::make_index_sequence<count>>::type layers_;
    std::size_t first_ = 0, last_ = 0;
};

/// The form of every block of a stage's parameters, each as a vector.
template <class Model>
std::vector<block_form> forms_of_stage(stage<Model>& mine) {
    std::vector<block_form> forms;
    mine.for_each_learning([&](auto& layer, auto) {
        for_each_block(parameters_of(layer), [&](auto block) { forms.push_back({{block.size(), 1}, sizeof(block[0])}); });
    });
    return forms;
}

}  // namespace tutti::detail
