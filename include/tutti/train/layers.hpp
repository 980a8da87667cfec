#pragma once

#include <tutti/concepts/activation.hpp>
#include <tutti/concepts/layer.hpp>
#include <tutti/concepts/memory_space.hpp>

#include <concepts>
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace tutti {

/// A block of a layer's parameters, by number: what `for_each_block` visits, in its order.
struct parameter_block {
    std::size_t layer = 0, block = 0;
};

/// Two blocks of parameters that are one and the same, such as an embedding that is used on the way in and on the way out. The
/// second starts as the first; both get the sum of their gradients, once per step, and stay equal, bit for bit.
struct tie {
    parameter_block first{}, second{};
};

namespace detail {

/// Whether all but the last of the arguments can be called without arguments.
template <class... Parts>
constexpr bool all_but_the_last_are_factories() {
    constexpr std::size_t count = sizeof...(Parts);
    std::size_t k = 0;
    bool all = true;
    ((all = all && (++k == count || std::invocable<Parts&>)), ...);
    return all;
}

}  // namespace detail

/// A model as a row of layers, each given by a factory, and a loss: `tutti::layers{[] { return dense{64, 32}; }, ..., loss{}}`. A
/// rank calls only the factories of the layers that it owns, so a model may be larger than a rank.
/// The loss is called as loss(y, batch, dy) with what the last layer gives, returns the mean over the batch, and writes the
/// gradient of that mean in `y` to `dy`, which is of y's type.
template <class... Parts>
class layers {
    static_assert(sizeof...(Parts) >= 2, "tutti: layers{factories..., loss}: needs at least one layer, and the loss at the end");
    static_assert(detail::all_but_the_last_are_factories<Parts...>(),
                  "tutti: layers{factories..., loss}: a layer is given by a factory, so that only the rank that owns it builds it: "
                  "write [] { return dense{64, 10}; } for dense{64, 10}");
    static_assert(
        !std::invocable<std::tuple_element_t<sizeof...(Parts) - 1, std::tuple<Parts...>>&>,
        "tutti: layers{factories..., loss}: the loss is missing at the end: a callable as loss(y, batch, dy) that returns "
        "the mean loss and writes its gradient in y to dy; see tutti/train/layers.hpp");

public:
    static constexpr std::size_t count = sizeof...(Parts) - 1;

    explicit layers(Parts... parts) : parts_{std::move(parts)...} {}

    /// Takes two blocks of parameters for one. A block may be in one tie only.
    layers&& tied(parameter_block first, parameter_block second) && {
        ties_.push_back({first, second});
        return std::move(*this);
    }

    std::vector<tie> const& ties() const { return ties_; }
    template <std::size_t K>
    auto& factory() {
        return std::get<K>(parts_);
    }
    auto& loss() { return std::get<count>(parts_); }

    template <std::size_t K>
    using layer = std::remove_cvref_t<std::invoke_result_t<std::tuple_element_t<K, std::tuple<Parts...>>&>>;

private:
    std::tuple<Parts...> parts_;
    std::vector<tie> ties_;
};

namespace detail {

template <class Model>
inline constexpr bool is_layers = false;
template <class... Parts>
inline constexpr bool is_layers<layers<Parts...>> = true;

template <class Model, std::size_t K>
using layer_t = typename Model::template layer<K>;

/// What layer K of a model takes: a batch, or as an rvalue what the layer before gives.
template <class Model, class Batch, std::size_t K>
struct layer_input {
    using before = layer_t<Model, K - 1>;
    using argument = typename layer_input<Model, Batch, K - 1>::type;
    static_assert(
        has_saved<before>,
        "tutti: a layer has no nested type `saved`, default-constructible, for what it keeps of a micro-batch until its way "
        "back: write struct saved {}; where it keeps nothing; see tutti/concepts/layer.hpp");
    static_assert(
        !has_saved<before> || goes_forward<before, argument>,
        "tutti: a layer has no forward(x, saved) that takes what the layer before it gives, or the first one the batch; see "
        "tutti/concepts/layer.hpp");
    template <class Layer>
    static auto forward() {
        if constexpr (goes_forward<Layer, argument>)
            return std::type_identity<std::remove_cvref_t<decltype(std::declval<Layer&>().forward(
                std::declval<argument>(), std::declval<typename Layer::saved&>()))>>{};
        else return std::type_identity<int>{};
    }
    using type = typename decltype(forward<before>())::type;
};
template <class Model, class Batch>
struct layer_input<Model, Batch, 0> {
    using type = Batch const&;
};

/// What layer K takes, and at K = count what the loss gets.
template <class Model, class Batch, std::size_t K>
using layer_input_t = typename layer_input<Model, Batch, K>::type;

/// Explains what is wrong with a layer of a model that is to be trained in stages.
template <class Model, class Batch, std::size_t K>
constexpr bool check_layer() {
    using layer = layer_t<Model, K>;
    using output = layer_input_t<Model, Batch, K + 1>;
    require_on_host<!has_parameters_in<memory_space::device, layer>()>();
    static_assert(has_parameters<layer> == has_gradients<layer>,
                  "tutti: a layer that learns needs both parameters() and gradients(), spans of the same shape; one that does not "
                  "needs neither; see tutti/concepts/layer.hpp");
    static_assert(
        !has_parameters<layer> || !has_gradients<layer> || learns<layer>,
        "tutti: a layer's parameters() and gradients() must be writable, and have the same form and types of numbers; see "
        "tutti/concepts/model.hpp");
    static_assert(
        activation<output>,
        "tutti: a layer's forward gives something that cannot go to another rank: a vector, a matrix with data(), rows(), "
        "cols() and resize(rows, cols), or a type with data(), shape() and resize(shape); see "
        "tutti/concepts/activation.hpp");
    static_assert(goes_back<layer, output>,
                  "tutti: a layer has no backward(dy, saved) that takes the gradient in what its forward gives; see "
                  "tutti/concepts/layer.hpp");
    if constexpr (K > 0 && goes_back<layer, output>)
        static_assert(
            std::is_convertible_v<decltype(std::declval<layer&>().backward(std::declval<output>(),
                                                                           std::declval<typename layer::saved&>())),
                                  layer_input_t<Model, Batch, K>>,
            "tutti: a layer's backward(dy, saved) must give the gradient in what its forward takes, of the same type; see "
            "tutti/concepts/layer.hpp");
    return true;
}

}  // namespace detail
}  // namespace tutti
