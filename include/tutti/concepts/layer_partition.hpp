#pragma once

#include <concepts>
#include <cstddef>
#include <vector>

namespace tutti {

/// Cuts a model's layers into stages of consecutive ones; a pure function, so that every rank knows every stage without talking.
/// `cuts(layers, stages)`: the first layer of each stage, and `layers` at the end.
/// Laws: stages + 1 numbers, from 0 to `layers`, each larger than the one before: every stage has a layer. Needs layers >= stages
///       >= 1.
/// @throws usage_error  from `cuts`, when its settings do not fit the model or the group
template <class Partition>
concept layer_partition = requires(Partition const& partition, std::size_t layers, std::size_t stages) {
    { partition.cuts(layers, stages) } -> std::same_as<std::vector<std::size_t>>;
};

}  // namespace tutti
