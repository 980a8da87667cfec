#pragma once

#include <array>
#include <span>

struct point { float x, y; };

/// The model that the smaller examples train: y = weights[0] x + weights[1].
struct line {
    std::array<float, 2> weights{}, slopes{};
    auto parameters() { return std::span{weights}; }
    auto gradients() { return std::span{slopes}; }
    float loss_and_gradients(auto const& batch) {
        float loss = 0, n = static_cast<float>(batch.size());
        slopes = {};
        for (point const& p : batch) {
            float const error = weights[0] * p.x + weights[1] - p.y;
            loss += error * error / n;
            slopes[0] += 2 * error * p.x / n;
            slopes[1] += 2 * error / n;
        }
        return loss;
    }
};
