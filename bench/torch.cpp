// What tutti's trainer costs over LibTorch alone on one rank, and what two thread ranks gain, on the net of examples/torch_digits.cpp.
#include "report.hpp"
#include "timing.hpp"

#include "../examples/torch/digits.hpp"
#include "../examples/command_line.hpp"

#include <tutti/comm/solo.hpp>
#include <tutti/comm/threads.hpp>

#include <array>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <vector>

namespace {

constexpr std::array names{"alone", "solo", "threads"};

/// Seconds that some epochs take on the ranks of `world`.
template <class Comm>
double train(Comm& world, torch_digits::net const& start, torch_digits::digits const& data, torch_digits::settings const& by) {
    tutti::data_parallel_trainer trainer{world,
                                         tutti::adapt::torch_model{torch_digits::copy_of(start), torch_digits::loss_of},
                                         tutti::partition::strided{}, tutti::sync::all_reduce{},
                                         tutti::optim::sgd{.learning_rate = by.learning_rate, .momentum = by.momentum}};
    double seconds = 0;
    for (std::size_t epoch = 0; epoch < by.epochs; ++epoch) seconds += trainer.run_epoch(data, {.batch = by.batch}).seconds;
    return seconds;
}

}  // namespace

int main(int argc, char** argv) try {
    torch_digits::settings by{.epochs = 5, .batch = 256};
    std::size_t repeats = 9;
    bool quick = false;
    std::string json;
    CLI::App app{"Times a small convolutional net of LibTorch: trained by LibTorch alone (alone), by tutti's trainer on one rank (solo), "
                 "and on two thread ranks (threads). They take turns in every repeat; ratios are medians over repeats."};
    app.option_defaults()->always_capture_default();
    app.add_option("--batch", by.batch, "samples per step, of all ranks")->check(CLI::PositiveNumber);
    app.add_option("--epochs", by.epochs, "length of a training")->check(CLI::PositiveNumber);
    app.add_option("--repeats", repeats, "trainings of each kind")->check(CLI::PositiveNumber);
    app.add_flag("--quick", quick, "few and short trainings: shows that it works, measures little");
    app.add_option("--json", json, "write all measurements to this file")->check(bench::cannot_write);
    CLI11_PARSE(app, argc, argv);
    if (quick) by.epochs = 1, repeats = 2;

    torch::set_num_threads(1);
    torch::manual_seed(1);
    torch_digits::digits const data{::digits::hold_out(::digits::read(DIGITS_CSV)).training};
    auto const start = std::make_shared<torch_digits::net_impl>();
    nlohmann::json report{{"bench", "torch"}, {"machine", bench::machine()}, {"batch", by.batch}};
    bench::print(report["machine"]);

    std::array<std::vector<double>, 3> seconds;
    for (std::size_t repeat = 0; repeat < repeats; ++repeat) {
        auto const begin = bench::clock::now();
        torch_digits::losses_alone(start, data, by);
        seconds[0].push_back(bench::seconds_since(begin));
        tutti::comm::solo alone;
        seconds[1].push_back(train(alone, start, data, by));
        tutti::launch<tutti::comm::threads>(2, [&](auto& world) {
            double const taken = train(world, start, data, by);
            if (world.rank() == 0) seconds[2].push_back(taken);
        });
    }
    auto const samples = static_cast<double>(by.epochs * data.size());
    std::printf("\nbatch %zu\n%-8s %12s %8s\n", by.batch, "", "samples/s", "time");
    for (std::size_t k = 0; k < names.size(); ++k) {
        double const ratio = bench::median_ratio(seconds[k], seconds[0]);
        std::printf("%-8s %12.0f %8.3f\n", names[k], samples / bench::median(seconds[k]), ratio);
        report["rows"].push_back({{"how", names[k]}, {"seconds", seconds[k]}, {"samples", samples}, {"time_ratio", ratio}});
    }
    std::printf("\ngoals\n");
    double const over = 100 * (bench::median_ratio(seconds[1], seconds[0]) - 1), gain = bench::median_ratio(seconds[1], seconds[2]);
    char text[64];
    std::snprintf(text, sizeof text, "%+.1f %%", over);
    bench::print_verdict(over <= 3, "one rank: at most 3 % over LibTorch alone", text);
    std::snprintf(text, sizeof text, "%.2f times", gain);
    bench::print_verdict(gain >= 1.6, "two thread ranks: at least 1.6 times the samples/s of one", text);
    bench::write(json, report);
} catch (std::exception const& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    return 1;
}
