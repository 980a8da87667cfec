#pragma once

#include "weights.hpp"

#include <Eigen/Dense>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace digits {

/// A classifier: fully connected layers with ReLU between them, softmax with cross-entropy at the end.
/// Trains on any range of samples that have `pixels`, an Eigen vector, and a `label`.
class mlp {
public:
    using matrix = Eigen::MatrixXf;  // a column per sample

    /// @param widths  of the input, the hidden layers and the output
    mlp(std::vector<Eigen::Index> const& widths, std::uint64_t seed) : input_(widths.front(), 0) {
        Eigen::Index total = 0;
        for (std::size_t k = 1; k < widths.size(); ++k) total += widths[k] * (widths[k - 1] + 1);
        parameters_.setZero(total);
        gradients_.setZero(total);
        auto const weights = first_weights(std::vector<std::size_t>(widths.begin(), widths.end()), seed);
        std::copy(weights.begin(), weights.end(), parameters_.begin());
        Eigen::Index at = 0;
        for (std::size_t k = 1; k < widths.size(); ++k) {
            layers_.emplace_back(parameters_.data() + at, gradients_.data() + at, widths[k - 1], widths[k]);
            at += widths[k] * (widths[k - 1] + 1);
        }
    }
    mlp(mlp&&) = default;  // a copy's layers would look into the original

    // All in one piece of memory: one all_reduce per step.
    auto parameters() { return std::span{parameters_.data(), static_cast<std::size_t>(parameters_.size())}; }
    auto gradients() { return std::span{gradients_.data(), static_cast<std::size_t>(gradients_.size())}; }

    /// The mean cross-entropy over the batch; overwrites the gradients with those of that mean.
    float loss_and_gradients(auto const& batch) {
        auto const n = forward(batch);
        float const loss = softmax_loss(batch, n);
        for (std::size_t k = layers_.size(); k-- > 0;) {
            layer& here = layers_[k];
            auto const error = here.error.leftCols(n);
            auto const input = (k == 0 ? input_ : layers_[k - 1].output).leftCols(n);
            here.weight_gradients.noalias() = error * input.transpose();
            here.bias_gradients = error.rowwise().sum();
            if (k == 0) break;
            auto before = layers_[k - 1].error.leftCols(n);
            before.noalias() = here.weights.transpose() * error;
            before = before.binaryExpr(input, [](float slope, float output) { return output > 0 ? slope : 0; });  // of ReLU
        }
        return loss;
    }

    /// The most likely label of every sample; valid until the next call of any member.
    std::span<int const> classify(auto const& batch) {
        auto const scores = layers_.back().output.leftCols(forward(batch));
        labels_.resize(static_cast<std::size_t>(scores.cols()));
        for (Eigen::Index j = 0; j < scores.cols(); ++j) scores.col(j).maxCoeff(&labels_[static_cast<std::size_t>(j)]);
        return labels_;
    }

private:
    struct layer {
        layer(float* parameters, float* gradients, Eigen::Index in, Eigen::Index out)
            : weights{parameters, out, in},
              weight_gradients{gradients, out, in},
              bias{parameters + in * out, out},
              bias_gradients{gradients + in * out, out},
              output(out, 0),
              error(out, 0) {}

        Eigen::Map<matrix> weights, weight_gradients;
        Eigen::Map<Eigen::VectorXf> bias, bias_gradients;
        matrix output, error;  // error: the loss's gradient in the sums before ReLU or softmax
    };

    /// Leaves the scores in the last layer's output; returns the number of samples.
    Eigen::Index forward(auto const& batch) {
        auto const n = static_cast<Eigen::Index>(batch.size());
        if (n > input_.cols()) make_room(n);
        Eigen::Index j = 0;
        for (auto const& sample : batch) input_.col(j++) = sample.pixels;
        matrix const* input = &input_;
        for (layer& here : layers_) {
            auto output = here.output.leftCols(n);
            output.noalias() = here.weights * input->leftCols(n);
            if (&here == &layers_.back()) output.colwise() += here.bias;
            else output = (output.colwise() + here.bias).cwiseMax(0);
            input = &here.output;
        }
        return n;
    }

    float softmax_loss(auto const& batch, Eigen::Index n) {
        auto const scores = layers_.back().output.leftCols(n);
        auto error = layers_.back().error.leftCols(n);
        float const share = 1 / static_cast<float>(n);
        float loss = 0;
        Eigen::Index j = 0;
        for (auto const& sample : batch) {
            auto const score = scores.col(j).array();
            auto probability = error.col(j++).array();
            float const top = score.maxCoeff();
            probability = (score - top).exp();
            float const sum = probability.sum();
            loss += std::log(sum) - (score[sample.label] - top);
            probability *= share / sum;
            probability[sample.label] -= share;
        }
        return loss * share;
    }

    void make_room(Eigen::Index samples) {
        input_.resize(Eigen::NoChange, samples);
        for (layer& each : layers_) {
            each.output.resize(Eigen::NoChange, samples);
            each.error.resize(Eigen::NoChange, samples);
        }
    }

    Eigen::VectorXf parameters_, gradients_;
    std::vector<layer> layers_;
    matrix input_;
    std::vector<int> labels_;
};

}  // namespace digits
