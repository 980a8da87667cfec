// A network whose layers are split over ranks, each of which has some columns or rows of every weight matrix, alone and in stages.
#include "digits/data.hpp"
#include "digits/dense.hpp"

#include <tutti/tutti.hpp>

#include <cmath>
#include <cstdio>
#include <exception>
#include <utility>
#include <vector>

using digits::pixels, digits::relu, digits::cross_entropy, digits::outputs_of, digits::inputs_of;

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
    for (auto const& [stages, parts] : {std::pair{1, 2}, {2, 2}}) {
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
