#pragma once

#include <CLI/CLI.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace digits {

struct options {
    std::optional<int> ranks;
    std::size_t batch = 64, accumulate = 1;
    int epochs = 20;
    double learning_rate = 0.1, momentum = 0.9;
    int hidden = 256;
    std::uint64_t seed = 1;
    std::string data = DIGITS_CSV, draw = "auto";
    double require_accuracy = 0;
};

/// A number from `least` to `most`; unlike CLI::Range it refuses what is no number (nan) too.
template <class Number>
CLI::Validator between(Number least, Number most) {
    auto const range = CLI::detail::to_string(least) + " to " + CLI::detail::to_string(most);
    return {[=](std::string const& text) {
                Number value{};
                bool const fits = CLI::detail::lexical_cast(text, value) && value >= least && value <= most;
                return fits ? std::string{} : "'" + text + "' is not in the range " + range;
            },
            ""};
}

/// @throws CLI::ParseError  once its text is out: a bad value (exit code not 0), or --help
inline options parse(int argc, char** argv) {
    options chosen;
    CLI::App app{"Trains a classifier of handwritten digits on thread ranks: each works on its part of every batch, and they\n"
                 "sum their gradients. Shows how fast that goes and how many of the digits that were held out are told right.\n",
                 "digits"};
    app.footer("Example: one rank against two, long enough to compare\n"
               "  digits --ranks 1 --epochs 500\n"
               "  digits --ranks 2 --epochs 500");
    app.option_defaults()->always_capture_default();
    auto add = [&](char const* group, char const* name, auto& value, char const* help) {
        return app.add_option(name, value, help)->group(group);
    };

    auto const parallel = "Parallel";
    add(parallel, "--ranks", chosen.ranks, "threads that train together [TUTTI_RANKS, else one per core]")
        ->check(between(1, 1024))
        ->type_name("N");
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
    add(training, "--seed", chosen.seed, "of the first weights and of the shuffling")
        ->check(CLI::NonNegativeNumber)
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
    } catch (CLI::ParseError const& stop) {
        app.exit(stop);
        throw;
    }
    return chosen;
}

}  // namespace digits
