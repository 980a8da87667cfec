// A network whose layers are split over ranks, each of which has some columns or rows of every weight matrix, alone and in stages.
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

matrix random_weights(Eigen::Index out, Eigen::Index in, std::uint64_t seed) {
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

struct result { std::vector<double> losses{}; double accuracy = 0; };

result train(int stages, int parts, digits::split const& data) {
    result found;
    tutti::launch<tutti::comm::threads>(stages * parts, [&](auto& world) {
        using tutti::tensor::column_parallel, tutti::tensor::row_parallel;
        tutti::mesh grid{world, {{"stages", stages}, {"tensor", parts}}};
        auto& group = grid.along("tensor");
        tutti::model_parallel_trainer trainer{
            grid.along("stages"),
            tutti::layers{[] { return pixels{}; },
                          [&] { return column_parallel{group, outputs_of(group, 96, 64, 1)}; }, [] { return relu{}; },
                          [&] { return row_parallel{group, inputs_of(group, 64, 96, 2)}; }, [] { return relu{}; },
                          [&] { return column_parallel{group, outputs_of(group, 47, 64, 3)}; }, [] { return relu{}; },
                          [&] { return row_parallel{group, inputs_of(group, 10, 47, 4)}; }, cross_entropy{}},
            tutti::partition::shuffled{.seed = 1}, tutti::partition::layers{}, tutti::pipeline::one_forward_one_backward{},
            tutti::optim::sgd{.learning_rate = 0.05, .momentum = 0.9}};
        std::vector<double> losses;
        for (int epoch = 0; epoch < 20; ++epoch)
            losses.push_back(trainer.run_epoch(data.training, {.batch = 64, .accumulate = 4, .clip_norm = 2}).mean_loss);
        double const accuracy = trainer.evaluate(data.held_out, {}, digits::accuracy);
        if (world.rank() == 0) found = {losses, accuracy};
    });
    return found;
}

int main() try {
    auto const data = digits::hold_out(digits::read(DIGITS_CSV));
    auto const one = train(1, 1, data);
    bool right = one.accuracy > 0.96;
    for (auto const& [stages, parts] : {std::pair{1, 1}, {1, 2}, {2, 2}}) {
        auto const split = train(stages, parts, data);
        double const off = std::abs(split.losses.front() / one.losses.front() - 1);  // rounding grows from epoch to epoch
        std::printf("%d x %d ranks: loss %.4f after 1 epoch, %.4f after 20; %.1f %% of the digits held out are read right\n", stages,
                    parts, split.losses.front(), split.losses.back(), 100 * split.accuracy);
        right = right && off < 1e-5 && split.accuracy > 0.96;
    }
    return right ? 0 : 1;
} catch (std::exception const& problem) {
    std::fprintf(stderr, "tensor: %s\n", problem.what());
    return 2;
}
