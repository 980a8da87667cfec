#pragma once
#include <array>
#include <span>
#include <vector>

#include <tutti/tutti.hpp>

struct sample { float x, y; };

struct line {
    std::array<float, 2> weights{}, slopes{};

    auto parameters() { return std::span{weights}; }
    auto gradients() { return std::span{slopes}; }

    float loss_and_gradients(auto const& batch) {
        slopes = {};
        float loss = 0;
        float const n = static_cast<float>(batch.size());
        for (sample const& s : batch) {
            float const error = weights[0] * s.x + weights[1] - s.y;
            loss += error * error / n;
            slopes[0] += 2 * error * s.x / n;
            slopes[1] += 2 * error / n;
        }
        return loss;
    }
};

/// Fits a line to y = 3 x + 2 on that many thread ranks and returns slope and intercept.
inline std::array<float, 2> train(int ranks) {
    std::vector<sample> data;
    for (int i = 0; i < 1000; ++i) {
        float const x = static_cast<float>(i) / 500.f - 1.f;
        data.push_back({x, 3 * x + 2});
    }
    std::array<float, 2> weights{};
    tutti::launch<tutti::comm::threads>(ranks, [&](auto& world) {
        tutti::data_parallel_trainer trainer{world, line{}, tutti::partition::shuffled{.seed = 1}, tutti::sync::all_reduce{},
                                             tutti::optim::sgd{.learning_rate = 0.1f}};
        for (int epoch = 0; epoch < 20; ++epoch) trainer.run_epoch(data, {.batch = 64});
        if (world.rank() == 0) weights = trainer.model().weights;
    });
    return weights;
}
