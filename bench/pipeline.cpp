// Whether a pipeline takes the time that its schedule predicts from what one rank takes for the same layers.
#include "report.hpp"
#include "timing.hpp"

#include "../examples/command_line.hpp"

#include <tutti/tutti.hpp>

#include <Eigen/Dense>

#include <cmath>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

using matrix = Eigen::MatrixXf;  // a column per sample

struct settings {
    Eigen::Index width = 768;
    std::size_t micro_batches = 8, samples = 64;
    int ranks = 2, repeats = 9;
    std::string json;
    bool quick = false;
};

struct dense {
    struct saved {
        matrix x;
    };
    matrix weights, slopes;
    explicit dense(Eigen::Index width)
        : weights(matrix::Random(width, width) / std::sqrt(static_cast<float>(width))),
          slopes(width, width) {}
    auto parameters() { return std::span{weights.data(), static_cast<std::size_t>(weights.size())}; }
    auto gradients() { return std::span{slopes.data(), static_cast<std::size_t>(slopes.size())}; }
    matrix forward(matrix x, saved& kept) {
        kept.x = std::move(x);
        return weights * kept.x;
    }
    matrix backward(matrix const& dy, saved& kept) {
        slopes.noalias() = dy * kept.x.transpose();
        return weights.transpose() * dy;
    }
};

struct squares {
    float operator()(matrix const& y, auto const&, matrix& dy) const {
        dy = y / static_cast<float>(y.size());
        return y.squaredNorm() / static_cast<float>(2 * y.size());
    }
};

/// A matrix of samples, as a batch.
struct columns {
    matrix x;
    std::size_t size() const { return static_cast<std::size_t>(x.cols()); }
};

/// The first layer, which has the same work as the others.
struct first_dense : dense {
    using dense::dense;
    matrix forward(columns const& batch, saved& kept) { return dense::forward(batch.x, kept); }
    void backward(matrix const& dy, saved& kept) { dense::backward(dy, kept); }
};

/// Seconds of each step.
template <class Schedule>
std::vector<double> measure(settings const& wanted, int ranks, Schedule schedule) {
    std::vector<double> found;
    tutti::launch<tutti::comm::threads>(ranks, [&](auto& world) {
        auto layer = [&] { return dense{wanted.width}; };
        tutti::model_parallel_trainer trainer{
            world,
            tutti::layers{[&] { return first_dense{wanted.width}; }, layer, layer, layer, layer, layer, layer, layer, squares{}},
            tutti::partition::strided{},
            tutti::partition::layers{},
            schedule,
            tutti::optim::sgd{.learning_rate = 1e-3}};
        std::vector<columns> const parts(wanted.micro_batches,
                                         columns{matrix::Ones(wanted.width, static_cast<Eigen::Index>(wanted.samples))});
        trainer.step(parts);
        for (int repeat = 0; repeat < wanted.repeats; ++repeat) {
            tutti::barrier(world);
            auto const start = bench::clock::now();
            trainer.step(parts);
            tutti::barrier(world);
            if (world.rank() == 0) found.push_back(bench::seconds_since(start));
        }
    });
    return found;
}

}  // namespace

int main(int argc, char** argv) try {
    settings wanted;
    CLI::App app{"Whether a pipeline takes the time that its schedule predicts from one rank's: 8 dense layers, in equal stages.",
                 "pipeline"};
    app.option_defaults()->always_capture_default();
    app.add_option("--ranks", wanted.ranks, "stages")->check(CLI::IsMember{{2, 4, 8}});
    app.add_option("--width", wanted.width, "of the layers")->check(CLI::Range(1, 8192));
    app.add_option("--micro-batches", wanted.micro_batches, "of a step")->check(CLI::Range(1, 1000));
    app.add_option("--samples", wanted.samples, "in a micro-batch")->check(CLI::Range(1, 100000));
    app.add_option("--repeats", wanted.repeats, "steps of each kind")->check(CLI::PositiveNumber);
    app.add_flag("--quick", wanted.quick, "few and short steps: shows that it works, measures little");
    app.add_option("--json", wanted.json, "write all measurements to this file")->check(bench::cannot_write)->default_str("");
    CLI11_PARSE(app, argc, argv);
    if (wanted.quick) wanted.width = 64, wanted.repeats = 2;

    nlohmann::json report{{"bench", "pipeline"},       {"machine", bench::machine()},
                          {"width", wanted.width},     {"micro_batches", wanted.micro_batches},
                          {"samples", wanted.samples}, {"ranks", wanted.ranks}};
    bench::print(report["machine"]);
    std::printf("8 layers of %ld x %ld, %zu micro-batches of %zu samples, %d stages; medians of %d steps\n\n",
                static_cast<long>(wanted.width), static_cast<long>(wanted.width), wanted.micro_batches, wanted.samples,
                wanted.ranks, wanted.repeats);
    std::printf("%-26s %12s %12s %8s\n", "schedule", "predicted ms", "measured ms", "ratio");
    bool all_met = true;
    auto compare = [&](char const* name, auto schedule) {
        double const alone = bench::median(measure(wanted, 1, schedule));
        // A way back takes about two there; how one rank's time is divided between them does not matter to the prediction.
        double const slot = alone / (3 * static_cast<double>(wanted.ranks) * static_cast<double>(wanted.micro_batches));
        auto const plan = make_schedule(schedule, tutti::pipeline::shape{wanted.ranks, static_cast<int>(wanted.micro_batches)});
        double const predicted = run_on_clocks(plan, {slot, 2 * slot}).end();
        auto const staged = measure(wanted, wanted.ranks, schedule);
        double const measured = bench::median(staged), ratio = measured / predicted;
        std::printf("%-26s %12.2f %12.2f %8.3f\n", name, 1e3 * predicted, 1e3 * measured, ratio);
        report["rows"].push_back({{"schedule", name}, {"one_rank_s", alone}, {"predicted_s", predicted}, {"steps_s", staged}});
        all_met = all_met && ratio <= 1.15;
    };
    compare("gpipe", tutti::pipeline::gpipe{});
    compare("one_forward_one_backward", tutti::pipeline::one_forward_one_backward{});
    std::printf("\ngoals\n");
    bench::print_verdict(all_met, "steps within 15 % of what the schedule predicts", "where each stage has a core of its own");
    bench::write(wanted.json, report);
} catch (std::exception const& problem) {
    std::fprintf(stderr, "pipeline: %s\n", problem.what());
    return 2;
}
