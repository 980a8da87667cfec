#pragma once

#include "../command_line.hpp"
#include "settings.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>

namespace digits {

/// Which of the programs this is, and whether this process prints for all.
struct program {
    std::string name;
    bool on_threads = true;  // else its ranks are processes, which a launcher has started
    bool speaks = true;
};

/// A number from `least` to `most`; unlike CLI::Range it refuses what is no number (nan) too.
template <class Number>
CLI::Validator between(Number least, Number most) {
    std::string const what = std::is_integral_v<Number> ? "a whole number" : "a number";
    auto const range = CLI::detail::to_string(least) + " to " + CLI::detail::to_string(most);
    return {[=](std::string const& text) {
                Number value{};
                bool const wraps = std::is_unsigned_v<Number> && text.starts_with('-');  // lexical_cast takes -1 for the largest
                bool const fits = !wraps && CLI::detail::lexical_cast(text, value) && value >= least && value <= most;
                return fits ? std::string{} : "'" + text + "' is not " + what + " from " + range;
            },
            ""};
}

/// How many ranks: an option where they are threads; a launcher's choice where they are processes.
inline void add_ranks(CLI::App& app, char const* group, options& chosen, program const& self) {
    if (self.on_threads)
        app.add_option("--ranks", chosen.ranks, "threads that train together [TUTTI_RANKS, else one per core]")
            ->check(between(1, 1024))
            ->type_name("N")
            ->group(group);
    else
        app.add_option_function<std::string>(
               "--ranks",
               [](std::string const& text) {
                   throw CLI::ValidationError{"--ranks", "the launcher says how many ranks there are, as in mpirun -np " + text};
               },
               "")
            ->group("");  // not in the help
}

/// The number of ranks that the environment asks for where the command line does not.
/// @throws CLI::ValidationError
inline std::optional<int> ranks_of_environment() {
    char const* const set = std::getenv("TUTTI_RANKS");
    if (!set) return {};
    std::string text{set};
    auto const problem = between(1, 1024)(text);
    if (!problem.empty()) throw CLI::ValidationError{"TUTTI_RANKS", problem};
    int ranks = 0;
    CLI::detail::lexical_cast(text, ranks);
    return ranks;
}

/// @throws CLI::ParseError  once its text is out: a bad value (exit code not 0), or --help
inline options parse(int argc, char** argv, program const& self) {
    options chosen;
    CLI::App app{
        "Trains a classifier of handwritten digits on " + std::string{self.on_threads ? "thread" : "MPI"} +
            " ranks: each works on its part of every batch, and they\n"
            "sum their gradients. Shows how fast that goes and how many of the digits that were held out are told right.\n",
        self.name};
    app.footer(self.on_threads ? "Example: one rank against two, long enough to compare\n"
                                 "  ./dev demo --ranks 1 --epochs 500\n"
                                 "  ./dev demo --ranks 2 --epochs 500"
                               : "Example: one rank against two, long enough to compare\n"
                                 "  mpirun -np 1 build/demo/examples/digits_mpi --epochs 500\n"
                                 "  mpirun -np 2 build/demo/examples/digits_mpi --epochs 500");
    app.failure_message([&](CLI::App const*, CLI::Error const& problem) {
        return self.name + ": " + problem.what() + "\nRun with --help for more information.\n";
    });
    app.option_defaults()->always_capture_default();
    auto add = [&](char const* group, char const* name, auto& value, char const* help) {
        return app.add_option(name, value, help)->group(group);
    };

    auto const parallel = "Parallel";
    add_ranks(app, parallel, chosen, self);
    add(parallel, "--batch", chosen.batch, "samples per step, over all ranks")->check(between(1, 1'000'000))->type_name("N");
    add(parallel, "--accumulate", chosen.accumulate, "parts that a step is worked through in")
        ->check(between(1, 1'000'000))
        ->type_name("N");

    auto const training = "Training";
    add(training, "--epochs", chosen.epochs, "times through all samples")->check(between(1, 1'000'000))->type_name("N");
    add(training, "--learning-rate", chosen.learning_rate, "of stochastic gradient descent")
        ->check(between(0.0, 100.0))
        ->type_name("X");
    add(training, "--momentum", chosen.momentum, "of stochastic gradient descent")->check(between(0.0, 0.9999))->type_name("X");
    add(training, "--hidden", chosen.hidden, "width of both hidden layers")->check(between(1, 8192))->type_name("N");
    add(training, "--seed", chosen.seed, "of the first weights and of the shuffling, 0 or more")
        ->check(between(std::uint64_t{0}, std::numeric_limits<std::uint64_t>::max()))
        ->type_name("N");

    auto const files = "Input and output";
    add(files, "--data", chosen.data, "a digit a line: 64 pixels 0-16, then the label 0-9 [examples/data/digits.csv]")
        ->type_name("FILE")
        ->default_str("");
    add(files, "--draw", chosen.draw, "draw digits that were taken for others; auto: on a terminal")
        ->check(CLI::IsMember({"auto", "always", "never"}))
        ->type_name("WHEN");
    add(files, "--require-accuracy", chosen.require_accuracy, "fail unless this share of the held-out digits is told right")
        ->check(between(0.0, 1.0))
        ->type_name("X");
    try {
        app.parse(argc, argv);
        if (self.on_threads && !chosen.ranks) chosen.ranks = ranks_of_environment();
    } catch (CLI::ParseError const& stop) {
        if (self.speaks) app.exit(stop);
        throw;
    }
    return chosen;
}

}  // namespace digits
