#pragma once

#include <tutti/concepts/activation.hpp>
#include <tutti/concepts/communicator.hpp>
#include <tutti/tensor/sum_over.hpp>

#include <cstddef>

namespace tutti::tensor {

/// A layer that passes on what comes, and on the way back sums gradients over a group: before layers of which each rank computes a
/// part of the outputs from all inputs, and so knows a part of the gradient. Collective backward.
/// Source: f in Shoeybi et al. 2019, arXiv:1909.08053
template <class Group>
class sum_backward {
    static_assert(communicator<Group>,
                  "tutti: tensor::sum_backward{group}: group is no communicator; that of an axis of a mesh is grid.along(name); "
                  "see tutti/comm/mesh.hpp");

public:
    struct saved {};

    /// @param  group  must outlive the layer
    explicit sum_backward(Group& group) : group_{&group} {}

    template <activation A>
    A forward(A x, saved& /*kept*/) const {
        return x;
    }
    template <activation A>
    A backward(A dy, saved& /*kept*/) const {
        sum_over(*group_, dy);
        return dy;
    }

    // It has no parameters, but trainers compare what ranks of the group bring.
    Group& split_over() const { return *group_; }
    static constexpr bool is_part(std::size_t /*block*/) { return false; }

private:
    Group* group_;
};

}  // namespace tutti::tensor
