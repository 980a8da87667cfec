#pragma once

#include <tutti/collectives/all_reduce.hpp>
#include <tutti/concepts/activation.hpp>
#include <tutti/concepts/communicator.hpp>

namespace tutti::tensor {

/// Gives every rank of the group the sum of their activations, or of gradients in them. Collective.
/// @param  a  of one shape on all ranks
/// Cost:   one all_reduce, in place
/// Order:  equal on all ranks of the group, bit for bit; another number of ranks rounds differently
template <communicator Group, activation A>
void sum_over(Group& group, A& a) {
    if (group.size() > 1) all_reduce(group, tutti::detail::span_of(a));
}

}  // namespace tutti::tensor
