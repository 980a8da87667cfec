// A line fitted on four ranks. Prints: y = 3.000 x + 2.000
#include <tutti/tutti.hpp>

#include <array>
#include <cmath>
#include <cstdio>
#include <span>
#include <vector>

struct point { float x, y; };

struct line {                                         // yours: nothing to derive from, nothing to register
    std::array<float, 2> weights{}, slopes{};         // y = weights[0] x + weights[1]; the loss's gradient in them
    auto parameters() { return std::span{weights}; }
    auto gradients() { return std::span{slopes}; }
    float loss_and_gradients(auto const& batch) {     // mean squared error of the batch, and its gradient
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

int main() {
    std::vector<point> data;
    for (float x = -1; x < 1; x += 0.002f) data.push_back({x, 3 * x + 2});
    line fitted;
    tutti::launch<tutti::comm::threads>(4, [&](auto& world) {
        tutti::data_parallel_trainer trainer{world, line{}, tutti::partition::shuffled{.seed = 1},
                                             tutti::sync::all_reduce{}, tutti::optim::sgd{.learning_rate = 0.1}};
        for (int epoch = 0; epoch < 20; ++epoch) trainer.run_epoch(data, {.batch = 64});
        if (world.rank() == 0) fitted = trainer.model();
    });
    std::printf("y = %.3f x + %.3f\n", static_cast<double>(fitted.weights[0]), static_cast<double>(fitted.weights[1]));
    return std::abs(fitted.weights[0] - 3) < 1e-3f && std::abs(fitted.weights[1] - 2) < 1e-3f ? 0 : 1;
}
