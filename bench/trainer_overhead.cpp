// What data_parallel_trainer costs on one rank: the same training, on the same batches, by a loop written by hand, by the
// trainer on comm::solo, and by the trainer on comm::threads.
#include "instructions.hpp"
#include "report.hpp"
#include "timing.hpp"
#include "trainings.hpp"

#include "../examples/command_line.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct settings {
    std::string loop = "all", model = "both", json;
    std::size_t steps = 0, batch = 64;
    int repeats = 15;
    bool instructions = false, quick = false;

    bool wants_loop(std::size_t k) const { return loop == "all" || loop == bench::loop_names[k]; }
    bool wants_model(std::string const& name) const { return model == "both" || model == name; }
    std::size_t epochs(std::size_t default_steps) const {
        return ((steps ? steps : default_steps) + bench::steps_per_epoch - 1) / bench::steps_per_epoch;
    }
};

/// What a step costs, by loop: several measurements, or one, or none of a loop that was not asked for.
using costs = std::array<std::vector<double>, 3>;

/// The largest difference between two lists of parameters, relative to the largest parameter.
double difference(std::vector<float> const& a, std::vector<float> const& b) {
    float largest = 0, apart = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        largest = std::max(largest, std::abs(a[i])), apart = std::max(apart, std::abs(a[i] - b[i]));
    return static_cast<double>(apart / largest);
}

/// Nanoseconds. Loops take turns, so that what disturbs the machine disturbs all alike.
/// @param apart  raised to the largest difference between where two loops end
/// @throws std::runtime_error  when they do not train alike
template <class Model>
costs time_loops(settings const& wanted, std::size_t epochs, double& apart) {
    bench::trainings<Model> const trainings{wanted.batch};
    costs nanoseconds;
    std::vector<float> first;
    for (int repeat = 0; repeat < wanted.repeats; ++repeat)
        for (std::size_t loop = 0; loop < nanoseconds.size(); ++loop) {
            if (!wanted.wants_loop(loop)) continue;
            auto const result = trainings.run(loop, epochs);
            nanoseconds[loop].push_back(result.seconds * 1e9 / static_cast<double>(epochs * bench::steps_per_epoch));
            if (first.empty()) first = result.parameters;
            apart = std::max(apart, difference(first, result.parameters));
            if (apart > 1e-4)
                throw std::runtime_error{std::string{bench::loop_names[loop]} + " does not train as another loop does"};
        }
    return nanoseconds;
}

/// Instructions: those of twice as many epochs less those of `epochs`, so that what happens once cancels.
costs count_instructions(settings const& wanted, std::string const& model, std::size_t epochs) {
    auto const program = bench::portable_program().string();
    costs instructions;
    for (std::size_t loop = 0; loop < instructions.size(); ++loop) {
        if (!wanted.wants_loop(loop)) continue;
        auto of = [&](std::size_t steps) {
            return bench::instructions_of('"' + program + "\" --repeats 1 --loop " + bench::loop_names[loop] + " --model " + model +
                                          " --batch " + std::to_string(wanted.batch) + " --steps " + std::to_string(steps));
        };
        auto const steps = epochs * bench::steps_per_epoch;
        instructions[loop].push_back((of(2 * steps) - of(steps)) / static_cast<double>(steps));
    }
    return instructions;
}

/// Prints one model's costs, and adds them to the report.
void tell(char const* model, char const* unit, costs const& each, nlohmann::json& report) {
    for (std::size_t loop = 0; loop < each.size(); ++loop) {
        if (each[loop].empty()) continue;
        double const cost = bench::median(each[loop]);
        std::printf("%-5s  %-8s %14.1f %14.1f", model, bench::loop_names[loop], cost, bench::least(each[loop]));
        nlohmann::json row{
            {"model", model}, {"loop", bench::loop_names[loop]}, {"unit", unit}, {"median", cost}, {"all", each[loop]}};
        if (loop != 0 && !each[0].empty()) {
            double const ratio = bench::median_ratio(each[loop], each[0]), more = bench::median_difference(each[loop], each[0]);
            std::printf(" %8.4f %12.1f", ratio, more);
            row["ratio"] = ratio, row["more"] = more;
        }
        std::printf("\n");
        report["rows"].push_back(row);
    }
}

/// At batch 64 the mlp trains within 1 % of the instructions of the loop written by hand. Times vary by more.
void judge(settings const& wanted, nlohmann::json& report) {
    if (!wanted.instructions || wanted.batch != 64) return;
    std::printf("\ngoals\n");
    for (auto const& row : report["rows"])
        if (row["model"] == "mlp" && row.contains("ratio")) {
            double const over = (row["ratio"].get<double>() - 1) * 100;
            char how[64];
            std::snprintf(how, sizeof how, "%+.3f %%", over);
            auto const goal = "mlp, " + row["loop"].get<std::string>() + ": at most +1 % on the loop written by hand";
            bench::print_verdict(over <= 1, goal, how);
            report["goals"].push_back({{"loop", row["loop"]}, {"percent", over}, {"limit", 1}, {"met", over <= 1}});
        }
}

}  // namespace

int main(int argc, char** argv) try {
    settings wanted;
    CLI::App app{"What data_parallel_trainer costs on one rank: the same training by a loop written by hand, by the trainer on "
                 "comm::solo (solo), and by the trainer on comm::threads (threads)."};
    app.option_defaults()->always_capture_default();
    app.add_option("--loop", wanted.loop, "which to run")->check(CLI::IsMember{{"hand", "solo", "threads", "all"}});
    app.add_option("--model", wanted.model, "mlp: 64-256-256-10; line: the quickstart's two parameters")
        ->check(CLI::IsMember{{"mlp", "line", "both"}});
    app.add_option("--steps", wanted.steps,
                   "optimiser steps of one training, in whole epochs of 25; 0: as many as the model needs");
    app.add_option("--batch", wanted.batch, "samples per step")->check(CLI::PositiveNumber);
    app.add_option("--repeats", wanted.repeats, "trainings of each kind")->check(CLI::PositiveNumber);
    app.add_flag("--instructions", wanted.instructions, "count instructions by valgrind instead of taking the time");
    app.add_flag("--quick", wanted.quick, "few and short trainings: shows that it works, measures little");
    app.add_option("--json", wanted.json, "write all measurements to this file")->check(bench::cannot_write);
    CLI11_PARSE(app, argc, argv);
    if (wanted.quick) wanted.repeats = 3;
    if (wanted.instructions) bench::check_counting();

    nlohmann::json report{{"bench", "trainer_overhead"}, {"machine", bench::machine()}, {"batch", wanted.batch}};
    bench::print(report["machine"]);
    if (wanted.instructions) std::printf("instructions of a build for any processor of this kind, which valgrind can run\n");
    char const* const unit = wanted.instructions ? "instructions" : "nanoseconds";
    std::printf("\nbatch %zu; %s per step\n%-5s  %-8s %14s %14s %8s %12s\n", wanted.batch, unit, "model", "loop", "median", "min",
                "ratio", "more");
    double apart = 0;
    auto measure = [&]<class Model>(char const* model, std::size_t steps, std::size_t few_steps) {
        if (!wanted.wants_model(model)) return;
        std::size_t const epochs = wanted.epochs(wanted.instructions || wanted.quick ? few_steps : steps);
        if (wanted.instructions) tell(model, unit, count_instructions(wanted, model, epochs), report);
        else tell(model, unit, time_loops<Model>(wanted, epochs, apart), report);
    };
    measure.operator()<bench::mlp>("mlp", 100, 25);
    measure.operator()<bench::line>("line", 50000, 1000);
    if (!wanted.instructions) std::printf("\nparameters at the end of all loops: apart by at most %g of the largest\n", apart);
    report["parameters_apart"] = apart;
    judge(wanted, report);
    bench::write(wanted.json, report);
} catch (std::exception const& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    return 1;
}
