#pragma once

#include <Eigen/Dense>

#include <cmath>

/// What networks for digits are made of, besides their dense layers.
namespace digits {

using matrix = Eigen::MatrixXf;  // a column per sample

struct pixels {  // the first layer: makes a matrix of a batch
    struct saved {};
    static matrix forward(auto const& batch, saved&) {
        matrix x(64, static_cast<Eigen::Index>(batch.size()));
        for (Eigen::Index j = 0; auto const& sample : batch) x.col(j++) = sample.pixels;
        return x;
    }
    static void backward(matrix const&, saved&) {}
};

struct relu {  // learns nothing
    struct saved { matrix y; };
    static matrix forward(matrix const& x, saved& kept) { return kept.y = x.cwiseMax(0); }
    static matrix backward(matrix const& dy, saved& kept) { return (kept.y.array() > 0).select(dy, 0); }
};

struct cross_entropy {  // on the rank with the last layer
    float operator()(matrix const& y, auto const& batch, matrix& dy) const {
        dy = (y.rowwise() - y.colwise().maxCoeff()).array().exp().matrix();
        float loss = 0, share = 1 / static_cast<float>(y.cols());
        for (Eigen::Index j = 0; auto const& sample : batch) {
            dy.col(j) /= dy.col(j).sum();
            loss -= std::log(dy(sample.label, j)) * share;
            dy(sample.label, j++) -= 1;
        }
        dy *= share;
        return loss;
    }
};

inline constexpr auto accuracy = [](matrix const& y, auto const& batch) {
    double right = 0;
    for (Eigen::Index j = 0, guess = 0; auto const& sample : batch) y.col(j++).maxCoeff(&guess), right += guess == sample.label;
    return right / static_cast<double>(batch.size());
};

}  // namespace digits
