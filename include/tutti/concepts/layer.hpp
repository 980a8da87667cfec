#pragma once

#include <tutti/concepts/model.hpp>

#include <concepts>

namespace tutti {

/// Says, as nested type `saved`, what it keeps of a micro-batch between its way forward and its way back.
template <class Layer>
concept has_saved = std::default_initializable<typename Layer::saved>;

/// `forward(x, saved)` gives what the next layer takes. `x` is an rvalue, which the layer may move into `saved`; the first layer's
/// is the batch, which is gone after the call.
template <class Layer, class X>
concept goes_forward = has_saved<Layer> && requires(Layer& layer, X x, typename Layer::saved& saved) {
    layer.forward(static_cast<X&&>(x), saved);
};

/// `backward(dy, saved)` takes the loss's gradient in what `forward` gave, and gives that in what `forward` took; the first layer
/// may give nothing.
template <class Layer, class Dy>
concept goes_back = has_saved<Layer> && requires(Layer& layer, Dy dy, typename Layer::saved& saved) {
    layer.backward(static_cast<Dy&&>(dy), saved);
};

/// Shows parameters and their gradients as a model does.
template <class Layer>
concept learns = has_parameters<Layer> && has_gradients<Layer> && has_writable_blocks<Layer> && has_matching_blocks<Layer>;

/// A layer of a model that is cut into stages. Nothing to derive from; need be neither copyable nor movable.
/// Laws: `forward` and `backward` of a micro-batch get the same `saved`, and other micro-batches may pass in between; objects of
/// type `saved` are used again for later micro-batches. `backward` overwrites `gradients()` with those of this micro-batch. What
/// `backward` gives has the shape of what `forward` took. A layer that learns nothing has neither `parameters()` nor `gradients()`.
template <class Layer>
concept pipeline_layer = has_saved<Layer> && (learns<Layer> || (!has_parameters<Layer> && !has_gradients<Layer>));

}  // namespace tutti
