// A network cut into stages, one on each of four ranks, that learns digits as it does on one rank: the same losses, bit for bit.
#include "digits/data.hpp"
#include "digits/layers.hpp"

#include <tutti/adapt/eigen.hpp>
#include <tutti/tutti.hpp>

#include <Eigen/Dense>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <random>
#include <utility>
#include <vector>

using digits::matrix, digits::pixels, digits::relu, digits::cross_entropy;

struct dense {
    struct saved { matrix x; };
    matrix weights, weight_slopes;
    Eigen::VectorXf bias, bias_slopes;
    dense(Eigen::Index in, Eigen::Index out, std::uint64_t seed)
        : weights(out, in), weight_slopes(out, in), bias{Eigen::VectorXf::Zero(out)}, bias_slopes(out) {
        std::mt19937_64 bits{seed};
        std::normal_distribution<float> normal{0, std::sqrt(2 / static_cast<float>(in))};
        for (float& weight : weights.reshaped()) weight = normal(bits);
    }
    auto parameters() { return tutti::adapt::spans_of(weights, bias); }
    auto gradients() { return tutti::adapt::spans_of(weight_slopes, bias_slopes); }
    matrix forward(matrix x, saved& kept) {
        kept.x = std::move(x);
        return (weights * kept.x).colwise() + bias;
    }
    matrix backward(matrix const& dy, saved& kept) {
        weight_slopes.noalias() = dy * kept.x.transpose();
        bias_slopes = dy.rowwise().sum();
        return weights.transpose() * dy;
    }
};

struct result { std::vector<double> losses{}; double accuracy = 0; };

result train(int ranks, digits::split const& data) {
    result found;
    tutti::launch<tutti::comm::threads>(ranks, [&](auto& world) {
        tutti::model_parallel_trainer trainer{
            world,
            tutti::layers{[] { return pixels{}; }, [] { return dense{64, 96, 1}; }, [] { return relu{}; },
                          [] { return dense{96, 64, 2}; }, [] { return relu{}; }, [] { return dense{64, 48, 3}; },
                          [] { return relu{}; }, [] { return dense{48, 10, 4}; }, cross_entropy{}},
            tutti::partition::shuffled{.seed = 1},
            tutti::partition::balanced_layers{.costs = {64, 96 * 64, 96, 64 * 96, 64, 48 * 64, 48, 10 * 48}},
            tutti::pipeline::one_forward_one_backward{}, tutti::optim::sgd{.learning_rate = 0.05, .momentum = 0.9}};
        std::vector<double> losses;
        for (int epoch = 0; epoch < 20; ++epoch)
            losses.push_back(trainer.run_epoch(data.training, {.batch = 64, .accumulate = 8}).mean_loss);
        double const accuracy = trainer.evaluate(data.held_out, {}, digits::accuracy);
        if (world.rank() == 0) found = {losses, accuracy};
    });
    return found;
}

int main() try {
    auto const data = digits::hold_out(digits::read(DIGITS_CSV));
    constexpr tutti::pipeline::one_forward_one_backward schedule{};
    static_assert(tutti::pipeline::verify(schedule, {.stages = 4, .micro_batches = 8}));
    std::printf("%s\n", tutti::pipeline::draw_text(make_schedule(schedule, {.stages = 4, .micro_batches = 8})).c_str());
    auto const one = train(1, data), four = train(4, data);
    std::printf("loss %.4f after 20 epochs on 4 stages, %.4f on 1; %.1f %% of the digits held out are read right\n",
                four.losses.back(), one.losses.back(), 100 * four.accuracy);
    return four.losses == one.losses && four.accuracy == one.accuracy && four.accuracy > 0.96 ? 0 : 1;
} catch (std::exception const& problem) {
    std::fprintf(stderr, "pipeline: %s\n", problem.what());
    return 2;
}
