// What a network of wide layers gains from two ranks: its layers split between them, or its batches.
#include "report.hpp"
#include "timing.hpp"

#include "../examples/command_line.hpp"

#define EIGEN_DONT_PARALLELIZE  // a rank is one core

#include <tutti/adapt/eigen.hpp>
#include <tutti/tutti.hpp>

#include <Eigen/Dense>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using matrix = Eigen::MatrixXf;  // a column per sample

struct settings {
    std::size_t width = 1024, batch = 1024;
    int ranks = 2, rounds = 9, repeats = 5;
    std::string json;
    bool quick = false;
};

struct dense {
    struct saved {
        matrix x;
    };
    matrix weights, slopes;
    dense(tutti::slice outputs, tutti::slice inputs, std::size_t width)
        : weights(matrix::Random(static_cast<Eigen::Index>(outputs.size()), static_cast<Eigen::Index>(inputs.size())) /
                  std::sqrt(static_cast<float>(width))),
          slopes(weights) {}
    auto parameters() { return tutti::adapt::span_of(weights); }
    auto gradients() { return tutti::adapt::span_of(slopes); }
    matrix forward(matrix x, saved& kept) {
        kept.x = std::move(x);
        return weights * kept.x;
    }
    matrix backward(matrix const& dy, saved& kept) {
        slopes.noalias() = dy * kept.x.transpose();
        return weights.transpose() * dy;
    }
};

struct relu {
    struct saved {
        matrix y;
    };
    static matrix forward(matrix const& x, saved& kept) { return kept.y = x.cwiseMax(0); }
    static matrix backward(matrix const& dy, saved& kept) { return (kept.y.array() > 0).select(dy, 0); }
};

/// A matrix of samples, as a batch.
struct samples {
    matrix x;
    std::size_t size() const { return static_cast<std::size_t>(x.cols()); }
};

/// Four layers, in two pairs that are split over a group.
template <class Group>
struct mlp {
    tutti::tensor::column_parallel<Group, dense> first, third;
    tutti::tensor::row_parallel<Group, dense> second, fourth;

    auto parameters() { return std::tuple{first.parameters(), second.parameters(), third.parameters(), fourth.parameters()}; }
    auto gradients() { return std::tuple{first.gradients(), second.gradients(), third.gradients(), fourth.gradients()}; }
    Group& split_over() { return first.split_over(); }
    static bool is_part(std::size_t /*block*/) { return true; }

    float loss_and_gradients(samples const& batch) {
        dense::saved a, c, e, g;
        relu::saved b, d, f;
        matrix y = second.forward(relu::forward(first.forward(matrix{batch.x}, a), b), c);
        y = fourth.forward(relu::forward(third.forward(relu::forward(y, d), e), f), g);
        matrix dy = y / static_cast<float>(y.size());
        dy = third.backward(relu::backward(fourth.backward(dy, g), f), e);
        first.backward(relu::backward(second.backward(relu::backward(dy, d), c), b), a);
        return y.squaredNorm() / static_cast<float>(2 * y.size());
    }
};

/// Seconds of each step.
std::vector<double> measure(settings const& wanted, int replicas, int parts) {
    std::vector<double> found;
    tutti::launch<tutti::comm::threads>(replicas * parts, [&](auto& world) {
        tutti::mesh grid{world, {{"data", replicas}, {"tensor", parts}}};
        auto& group = grid.along("tensor");
        tutti::slice const all{0, wanted.width}, mine = tutti::partition::columns(wanted.width, group);
        tutti::tensor::column_parallel const by_columns{group, dense{mine, all, wanted.width}};
        tutti::tensor::row_parallel const by_rows{group, dense{all, mine, wanted.width}};
        tutti::data_parallel_trainer trainer{
            grid.along("data"), mlp<tutti::comm::threads>{by_columns, by_columns, by_rows, by_rows}, tutti::partition::strided{},
            tutti::sync::all_reduce{}, tutti::optim::sgd{.learning_rate = 1e-3}};
        auto const share = tutti::partition::columns(wanted.batch, grid.along("data"));
        samples const batch{matrix::Random(static_cast<Eigen::Index>(wanted.width), static_cast<Eigen::Index>(share.size()))};
        trainer.step(batch);
        for (int repeat = 0; repeat < wanted.repeats; ++repeat) {
            tutti::barrier(world);
            auto const start = bench::clock::now();
            trainer.step(batch);
            tutti::barrier(world);
            if (world.rank() == 0) found.push_back(bench::seconds_since(start));
        }
    });
    return found;
}

}  // namespace

int main(int argc, char** argv) try {
    settings wanted;
    CLI::App app{"What a network of four wide dense layers gains from ranks that split its layers, or its batches.", "tensor"};
    app.option_defaults()->always_capture_default();
    app.add_option("--ranks", wanted.ranks, "that split layers or batches")->check(CLI::Range(2, 64));
    app.add_option("--width", wanted.width, "of the layers")->check(CLI::Range(1, 8192));
    app.add_option("--batch", wanted.batch, "samples of a step, over all ranks")->check(CLI::Range(1, 100000));
    app.add_option("--rounds", wanted.rounds, "in which the three kinds take turns")->check(CLI::PositiveNumber);
    app.add_option("--repeats", wanted.repeats, "steps of each kind in a round")->check(CLI::PositiveNumber);
    app.add_flag("--quick", wanted.quick, "few and short steps: shows that it works, measures little");
    app.add_option("--json", wanted.json, "write all measurements to this file")->check(bench::cannot_write)->default_str("");
    CLI11_PARSE(app, argc, argv);
    if (wanted.quick) wanted.width = 64, wanted.rounds = wanted.repeats = 2;

    nlohmann::json report{{"bench", "tensor"},
                          {"machine", bench::machine()},
                          {"width", wanted.width},
                          {"batch", wanted.batch},
                          {"ranks", wanted.ranks}};
    bench::print(report["machine"]);
    std::printf("4 layers of %zu x %zu, %zu samples a step; medians of %d rounds, each the median of %d steps\n\n", wanted.width,
                wanted.width, wanted.batch, wanted.rounds, wanted.repeats);

    struct kind {
        std::string name;
        int replicas, parts;
        std::vector<double> step, gain;  // of each round
        std::vector<std::vector<double>> steps;
    };
    std::vector<kind> kinds{{"1", 1, 1, {}, {}, {}},
                            {std::to_string(wanted.ranks) + ", layers split", 1, wanted.ranks, {}, {}, {}},
                            {std::to_string(wanted.ranks) + ", batches split", wanted.ranks, 1, {}, {}, {}}};
    for (int round = 0; round < wanted.rounds; ++round)
        for (auto& each : kinds) {
            each.steps.push_back(measure(wanted, each.replicas, each.parts));
            each.step.push_back(bench::median(each.steps.back()));
            each.gain.push_back(kinds[0].step.back() / each.step.back());
        }
    std::printf("%-24s %12s %12s %8s %18s\n", "ranks", "ms a step", "samples/s", "gain", "of single rounds");
    for (auto const& each : kinds) {
        double const step = bench::median(each.step);
        auto const [least, most] = std::minmax_element(each.gain.begin(), each.gain.end());
        std::printf("%-24s %12.2f %12.0f %8.2f %10.2f to %.2f\n", each.name.c_str(), 1e3 * step, static_cast<double>(wanted.batch) / step,
                    bench::median(each.gain), *least, *most);
        report["rows"].push_back({{"name", each.name},
                                  {"replicas", each.replicas},
                                  {"parts", each.parts},
                                  {"steps_s", each.steps},
                                  {"gains", each.gain}});
    }
    if (wanted.ranks == 2) {
        std::printf("\ngoals\n");
        bench::print_verdict(bench::median(kinds[1].gain) >= 1.6, "split layers: 1.6 times the samples of one rank",
                             "where each rank has a core of its own");
        bench::print_verdict(bench::median(kinds[2].gain) >= 1.8, "split batches: 1.8 times the samples of one rank",
                             "where each rank has a core of its own");
    }
    bench::write(wanted.json, report);
} catch (std::exception const& problem) {
    std::fprintf(stderr, "tensor: %s\n", problem.what());
    return 2;
}
