#pragma once

#include "layers.hpp"

#include <tutti/adapt/eigen.hpp>
#include <tutti/partition/columns.hpp>
#include <tutti/partition/rows.hpp>

#include <Eigen/Dense>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>

/// Dense layers, whole or of the size of one rank's part.
namespace digits {

inline matrix random_weights(Eigen::Index out, Eigen::Index in, std::uint64_t seed) {
    std::mt19937_64 bits{seed};
    std::normal_distribution<float> normal{0, std::sqrt(2 / static_cast<float>(in))};
    return matrix::NullaryExpr(out, in, [&] { return normal(bits); });
}

struct dense {  // knows nothing of other ranks
    struct saved { matrix x; };
    matrix weights, weight_slopes{weights};
    Eigen::VectorXf bias, bias_slopes{bias};  // none: nothing is added
    auto parameters() { return tutti::adapt::spans_of(weights, bias); }
    auto gradients() { return tutti::adapt::spans_of(weight_slopes, bias_slopes); }
    matrix forward(matrix x, saved& kept) {
        kept.x = std::move(x);
        matrix y = weights * kept.x;
        if (bias.size() != 0) y.colwise() += bias;
        return y;
    }
    matrix backward(matrix const& dy, saved& kept) {
        weight_slopes.noalias() = dy * kept.x.transpose();
        if (bias.size() != 0) bias_slopes = dy.rowwise().sum();
        return weights.transpose() * dy;
    }
};

// Every rank draws the whole matrix and keeps its part of it, so all start as one rank does.
dense outputs_of(auto& group, Eigen::Index out, Eigen::Index in, std::uint64_t seed) {
    auto const mine = tutti::partition::columns(static_cast<std::size_t>(out), group);
    auto const first = static_cast<Eigen::Index>(mine.first), count = static_cast<Eigen::Index>(mine.size());
    return {.weights = random_weights(out, in, seed).middleRows(first, count), .bias = Eigen::VectorXf::Zero(count)};
}
dense inputs_of(auto& group, Eigen::Index out, Eigen::Index in, std::uint64_t seed) {
    auto const mine = tutti::partition::rows(static_cast<std::size_t>(in), group);
    auto const first = static_cast<Eigen::Index>(mine.first), count = static_cast<Eigen::Index>(mine.size());
    return {.weights = random_weights(out, in, seed).middleCols(first, count),
            .bias = Eigen::VectorXf::Zero(group.rank() == 0 ? out : 0)};  // added up over the group: one rank has it
}
inline dense whole(Eigen::Index out, Eigen::Index in, std::uint64_t seed) {
    return {.weights = random_weights(out, in, seed), .bias = Eigen::VectorXf::Zero(out)};
}

}  // namespace digits
