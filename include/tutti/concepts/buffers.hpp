#pragma once

#include <tutti/concepts/blocks.hpp>

#include <utility>

namespace tutti {

/// Keeps numbers beside its parameters that are not trained, such as the running means of a batch norm: `buffers()` gives them as
/// `parameters()` gives those, of equal sizes on all ranks. What ranks' own batches make of them differs; the trainer gives all ranks
/// those of rank 0.
template <class Model>
concept has_buffers =
    requires(Model& model) { model.buffers(); } && detail::all_blocks<decltype(std::declval<Model&>().buffers())>() &&
    detail::all_writable<decltype(std::declval<Model&>().buffers())>();

}  // namespace tutti
