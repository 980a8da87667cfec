#pragma once

#include "data.hpp"
#include "mlp.hpp"
#include "options.hpp"
#include "results.hpp"
#include "screen.hpp"
#include "train.hpp"

#include <tutti/tutti.hpp>

#include <concepts>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <string>
#include <utility>

namespace digits {

/// Threads share what stands outside `launch`; other ranks are processes, in each of which it runs.
template <class Comm>
inline constexpr bool on_threads = std::same_as<Comm, tutti::comm::threads>;

/// The data, in every process.
/// @throws bad_data  in all of them, with the text of the first that could not read
template <class Comm>
split read_everywhere(std::string const& path) {
    split data;
    std::string problem;
    try {
        data = hold_out(read(path));
    } catch (bad_data const& mine) { problem = mine.what(); }
    if constexpr (!on_threads<Comm>)
        tutti::launch<Comm>([&](auto& world) {
            int const first = tutti::all_reduce(world, problem.empty() ? world.size() : world.rank(), tutti::minimum{});
            if (first == world.size()) return;
            problem.resize(tutti::broadcast(world, problem.size(), first));
            tutti::broadcast(world, problem, first);
        });
    if (!problem.empty()) throw bad_data{problem};
    return data;
}

/// Trains and prints; returns what is wrong with the outcome, or nothing.
template <class Comm>
std::string train_and_show(options const& chosen, program const& self) {
    auto const data = read_everywhere<Comm>(chosen.data);
    screen on;
    if (!self.on_threads) on.terminal = false;  // a launcher may give its ranks a terminal where it has none itself

    outcome result;
    bool has_result = false;  // in this process
    tutti::launch<Comm>({.ranks = chosen.ranks}, [&](auto& world) {
        auto const hidden = Eigen::Index{chosen.hidden};
        auto mine = train(world, mlp{{64, hidden, hidden, 10}, chosen.seed}, chosen, data, on);
        if (world.rank() == 0) result = std::move(mine), has_result = true;
    });
    if (!has_result) return {};

    if (result.diverged) return "the training diverged: try a smaller --learning-rate";
    double const accuracy = show(result, chosen, data.held_out, on);
    if (accuracy >= chosen.require_accuracy) return {};
    char text[80];
    std::snprintf(text, sizeof text, "the accuracy %.4f is below the required %.4f", accuracy, chosen.require_accuracy);
    return text;
}

/// The whole program, on ranks of `Comm`. Rank 0 prints for all.
/// Returns the exit code: 0, 1 for a training that did not go well, 2 for bad input and for output that cannot be written.
template <class Comm>
int run(char const* name, int argc, char** argv) {
    program self{.name = name, .on_threads = on_threads<Comm>};
    int code = 1;
    std::string problem;
    try {
        if constexpr (!on_threads<Comm>) tutti::launch<Comm>([&](auto& world) { self.speaks = world.rank() == 0; });
        problem = train_and_show<Comm>(parse(argc, argv, self), self);
        code = problem.empty() ? 0 : 1;
    } catch (CLI::ParseError const& stop) {  // its text is out already
        code = stop.get_exit_code() == 0 ? 0 : 2;
    } catch (bad_data const& bad) {
        code = 2;
        problem = bad.what();
    } catch (tutti::usage_error const& bad) {
        code = 2;
        problem = bad.what();
    } catch (std::exception const& failure) { problem = failure.what(); }

    if (!self.speaks) return code;
    bool const written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;  // before what is wrong
    if (!problem.empty()) std::fprintf(stderr, "%s: %s\n", name, problem.c_str());
    if (written) return code;
    std::fprintf(stderr, "%s: standard output cannot be written\n", name);
    return 2;
}

}  // namespace digits
