// Two networks on a mesh of three axes: copies that share every batch, stages, and layers in parts, in any mix.
#include "digits/data.hpp"
#include "digits/dense.hpp"

#include <tutti/tutti.hpp>

#include <cmath>
#include <cstdio>
#include <exception>
#include <vector>

using digits::pixels, digits::relu, digits::cross_entropy, digits::outputs_of, digits::inputs_of, digits::whole;
using tutti::tensor::column_parallel, tutti::tensor::row_parallel;

auto digits_mlp(auto& group) {
    return tutti::layers{[] { return pixels{}; }, [&] { return column_parallel{group, outputs_of(group, 256, 64, 1)}; },
                         [] { return relu{}; },   [&] { return row_parallel{group, inputs_of(group, 256, 256, 2)}; },
                         [] { return relu{}; },   [] { return whole(10, 256, 3); },
                         cross_entropy{}};
}
auto deeper(auto& group) {
    return tutti::layers{[] { return pixels{}; }, [&] { return column_parallel{group, outputs_of(group, 96, 64, 1)}; },
                         [] { return relu{}; },   [&] { return row_parallel{group, inputs_of(group, 64, 96, 2)}; },
                         [] { return relu{}; },   [&] { return column_parallel{group, outputs_of(group, 48, 64, 3)}; },
                         [] { return relu{}; },   [&] { return row_parallel{group, inputs_of(group, 32, 48, 4)}; },
                         [] { return relu{}; },   [] { return whole(10, 32, 5); },
                         cross_entropy{}};
}

struct shape { int copies, stages, parts; };
struct result { std::vector<double> losses{}; double accuracy = 0; };

result train(shape const& ranks, auto net, digits::split const& data) {
    result found;
    tutti::launch<tutti::comm::threads>(ranks.copies * ranks.stages * ranks.parts, [&](auto& world) {
        tutti::mesh grid{world, {{"data", ranks.copies}, {"stages", ranks.stages}, {"tensor", ranks.parts}}};
        tutti::model_parallel_trainer trainer{
            grid.along("stages"), net(grid.along("tensor")),
            tutti::partition::shuffled{.seed = 1}, tutti::partition::layers{}, tutti::pipeline::one_forward_one_backward{},
            tutti::optim::sgd{.learning_rate = 0.05, .momentum = 0.9},
            tutti::replicas{grid.along("data"), tutti::sync::all_reduce{}}};
        std::vector<double> losses;
        for (int epoch = 0; epoch < 10; ++epoch)
            losses.push_back(trainer.run_epoch(data.training, {.batch = 64, .accumulate = 4, .clip_norm = 2}).mean_loss);
        double const accuracy = trainer.evaluate(data.held_out, {}, digits::accuracy);
        if (world.rank() == 0) found = {losses, accuracy};
    });
    return found;
}

bool compare(char const* name, auto net, digits::split const& data) {
    auto const one = train({1, 1, 1}, net, data);
    bool right = one.accuracy > 0.95;
    for (shape const& each : {shape{2, 2, 1}, {2, 1, 2}, {1, 2, 2}, {2, 2, 2}}) {
        auto const mixed = train(each, net, data);
        double const off = std::abs(mixed.losses.front() / one.losses.front() - 1);  // rounding grows from epoch to epoch
        std::printf("%s: %d copies x %d stages x %d parts: loss %.4f after 1 epoch, %.4f after 10; %.1f %% read right\n", name,
                    each.copies, each.stages, each.parts, mixed.losses.front(), mixed.losses.back(), 100 * mixed.accuracy);
        right = right && off < 1e-4 && mixed.accuracy > 0.95;
    }
    return right;
}

int main() try {
    auto const data = digits::hold_out(digits::read(DIGITS_CSV));
    bool const right = compare("3 dense layers", [](auto& group) { return digits_mlp(group); }, data);
    return compare("5 dense layers", [](auto& group) { return deeper(group); }, data) && right ? 0 : 1;
} catch (std::exception const& problem) {
    std::fprintf(stderr, "mesh: %s\n", problem.what());
    return 2;
}
