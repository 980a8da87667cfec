#pragma once

#include <tutti/concepts/communicator.hpp>

#include <concepts>
#include <cstddef>
#include <type_traits>

namespace tutti {

/// Holds parts of parameters that are split over a group, as a layer does of whose outputs each rank computes some. Optional, of a
/// model or a layer: `split_over()` gives the group; `is_part(k)` says whether block k of its parameters, as `for_each_block`
/// counts them, is a part. Trainers need it for norms, which count every number of the whole model once.
/// Laws: a number of a parameter that is split is on one rank of the group. A block that is no part is equal on all its ranks, bit
/// for bit, and so is its gradient after each way back: it is, where each rank makes it from equal activations in the same way.
template <class Model>
concept has_split_parameters = requires(Model& model, std::size_t block) {
    { model.is_part(block) } -> std::convertible_to<bool>;
    requires std::is_lvalue_reference_v<decltype(model.split_over())>;
    requires communicator<std::remove_reference_t<decltype(model.split_over())>>;
};

}  // namespace tutti
