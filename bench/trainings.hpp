#pragma once

#include "../examples/digits/mlp.hpp"
#include "timing.hpp"

#include <Eigen/Dense>
#include <tutti/tutti.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <random>
#include <span>
#include <stdexcept>
#include <vector>

namespace bench {

/// The model of the quickstart: next to no work in a step.
struct line {
    struct sample {
        float x, y;
    };
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

    static sample draw(std::mt19937_64& bits) {
        float const x = std::uniform_real_distribution<float>{-1, 1}(bits);
        return {x, 3 * x + 2};
    }
};

/// Fully connected, 64-256-256-10.
struct mlp : digits::mlp {
    struct sample {
        Eigen::Vector<float, 64> pixels;
        int label = 0;
    };

    mlp() : digits::mlp{{64, 256, 256, 10}, 1} {}

    static sample draw(std::mt19937_64& bits) {
        sample one;
        for (float& pixel : one.pixels) pixel = std::uniform_real_distribution<float>{0, 1}(bits);
        one.label = std::uniform_int_distribution{0, 9}(bits);
        return one;
    }
};

constexpr std::size_t steps_per_epoch = 25;
constexpr std::array<char const*, 3> loop_names{"hand", "solo", "threads"};

/// How long a training took, and where it ended.
struct training {
    double seconds = 0;
    std::vector<float> parameters{};
};

/// The same samples in the same order, the same model and the same update, in one of three loops.
template <class Model>
class trainings {
public:
    explicit trainings(std::size_t batch) : batch_{batch} {
        std::mt19937_64 bits{2};
        std::generate_n(std::back_inserter(data_), batch * steps_per_epoch, [&] { return Model::draw(bits); });
    }

    /// @param loop  an index of `loop_names`
    training run(std::size_t loop, std::size_t epochs) const {
        if (loop == 0) return by_hand(epochs);
        return loop == 1 ? by_trainer<tutti::comm::solo>(epochs) : by_trainer<tutti::comm::threads>(epochs);
    }

private:
    static constexpr std::uint64_t seed = 1;
    static constexpr float learning_rate = 0.01f, momentum = 0.9f;

    training by_hand(std::size_t epochs) const {
        Model model;
        auto const parameters = model.parameters(), gradients = model.gradients();
        std::vector<float> velocity(parameters.size());
        std::vector<std::size_t> rows;
        double loss = 0;
        auto const start = clock::now();
        for (std::size_t epoch = 0; epoch < epochs; ++epoch) {
            tutti::partition::permutation const order{data_.size(), seed, epoch};
            for (std::size_t first = 0; first < data_.size(); first += batch_) {
                rows.clear();
                for (std::size_t k = first; k < first + batch_; ++k) rows.push_back(order(k));
                loss += static_cast<double>(model.loss_and_gradients(tutti::selection{data_, std::span<std::size_t const>{rows}}));
                for (std::size_t i = 0; i < parameters.size(); ++i) {
                    velocity[i] = momentum * velocity[i] + gradients[i];
                    parameters[i] -= learning_rate * velocity[i];
                }
            }
        }
        return finished(seconds_since(start), loss, model);
    }

    template <class Comm>
    training by_trainer(std::size_t epochs) const {
        training result;
        tutti::launch<Comm>(1, [&](auto& world) {
            tutti::data_parallel_trainer trainer{world, Model{}, tutti::partition::shuffled{.seed = seed},
                                                 tutti::sync::all_reduce{},
                                                 tutti::optim::sgd{.learning_rate = learning_rate, .momentum = momentum}};
            double loss = 0;
            auto const start = clock::now();
            for (std::size_t epoch = 0; epoch < epochs; ++epoch) loss += trainer.run_epoch(data_, {.batch = batch_}).mean_loss;
            result = finished(seconds_since(start), loss, trainer.model());
        });
        return result;
    }

    static training finished(double seconds, double loss, Model& model) {
        if (!std::isfinite(loss)) throw std::runtime_error{"the training diverged"};
        auto const parameters = model.parameters();
        return {seconds, {parameters.begin(), parameters.end()}};
    }

    std::size_t batch_;
    std::vector<typename Model::sample> data_;
};

}  // namespace bench
