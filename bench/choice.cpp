// Times calls without an algorithm against every algorithm that makes the same collective, over a grid of sizes: how far the
// choice is from the best one.
#include "report.hpp"
#include "timing.hpp"

#include "../tests/laws/message_ranks.hpp"

#include <CLI/CLI.hpp>
#include <tutti/tutti.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

namespace {

std::string text_of(tutti::algorithm_id which) { return std::string{tutti::detail::word(which)}; }

/// Automatic against the best other choice, at one point.
struct verdict {
    tutti::collective kind;
    std::size_t bytes;
    double microseconds;  // of automatic
    double ratio;         // automatic / the best
    tutti::algorithm_id best;
    double best_microseconds;
};

/// A point's verdict, the same on all ranks. Collective.
template <class Comm>
verdict judge(tutti::detail::tuning<Comm>& tuning, tutti::collective kind, std::size_t bytes) {
    auto candidates = tutti::detail::candidates_for<Comm>(kind);
    candidates.push_back(tutti::algorithm_id::automatic);
    auto const seconds = tuning.measure(kind, bytes, candidates);
    auto const& ours = seconds.back();
    verdict found{kind, bytes, 1e6 * bench::median(ours), 0, tutti::algorithm_id::own, 0};
    for (std::size_t k = 0; k + 1 < candidates.size(); ++k) {
        double const ratio = bench::median_ratio(ours, seconds[k]);
        if (k == 0 || ratio > found.ratio)
            found.ratio = ratio, found.best = candidates[k], found.best_microseconds = 1e6 * bench::median(seconds[k]);
    }
    return found;
}

template <class Comm>
std::vector<verdict> judge_all(int ranks, tutti::tune_options const& options) {
    std::vector<verdict> all;
    tutti::launch<Comm>(ranks, [&](auto& world) {
        auto const start = bench::clock::now();
        while (bench::seconds_since(start) < 0.2) {}  // until the system has given each busy thread a core, where there are enough
        tutti::detail::tuning<Comm> tuning{world, options};
        for (int k = static_cast<int>(tutti::collective::barrier); k < static_cast<int>(tutti::collective::send); ++k)
            for (std::size_t const size : options.sizes) {
                auto const kind = static_cast<tutti::collective>(k);
                bool const is_barrier = kind == tutti::collective::barrier;
                if (is_barrier && size != options.sizes.front()) continue;
                auto const found = judge(tuning, kind, is_barrier ? 0 : size);
                if (world.rank() != 0) continue;
                all.push_back(found);
                std::printf("%-16s%12zu%14.2f%14.2f  %-20s%8.2f\n", std::string{name(kind)}.c_str(), found.bytes,
                            found.microseconds, found.best_microseconds, text_of(found.best).c_str(), found.ratio);
            }
    });
    return all;
}

}  // namespace

int main(int argc, char** argv) try {
    int ranks = 2;
    std::string on = "both", json;
    bool quick = false;
    tutti::tune_options options;
    options.repetitions = 15;
    options.time_limit = std::chrono::hours{24};

    CLI::App app{
        "Times calls without an algorithm against every algorithm that makes the same collective, over a grid of sizes. Candidates "
        "take turns in every repetition; ratios are medians over repetitions of times of the slowest rank."};
    app.option_defaults()->always_capture_default();
    app.add_option("--ranks", ranks, "thread ranks")->check(CLI::Range(1, 1024));
    app.add_option("--on", on, "threads, the same with messages alone, or both")
        ->check(CLI::IsMember{{"threads", "messages", "both"}});
    app.add_option("--sizes", options.sizes, "bytes of one part, ascending multiples of 4");
    app.add_option("--repetitions", options.repetitions, "turns of every candidate per point")->check(CLI::PositiveNumber);
    app.add_flag("--quick", quick, "few sizes and turns: shows that it works, measures little");
    app.add_option("--json", json, "write all measurements to this file");
    CLI11_PARSE(app, argc, argv);
    if (quick) options.sizes = {8, 8192}, options.repetitions = 3;
    tutti::detail::check_options(options);

    nlohmann::json report{
        {"bench", "choice"}, {"machine", bench::machine()}, {"ranks", ranks}, {"repetitions", options.repetitions}};
    bench::print(report["machine"]);
    std::printf("%d ranks, %d repetitions\n", ranks, options.repetitions);
    auto run = [&](std::string const& where, auto judge_there) {
        std::printf("\n%-16s%12s%14s%14s  %-20s%8s\n", ("on " + where).c_str(), "bytes", "automatic us", "best us", "best",
                    "ratio");
        auto const all = judge_there(ranks, options);
        auto const& worst =
            *std::max_element(all.begin(), all.end(), [](auto const& a, auto const& b) { return a.ratio < b.ratio; });
        std::printf("worst ratio on %s: %.2f, %s of %zu bytes against %s\n", where.c_str(), worst.ratio,
                    std::string{name(worst.kind)}.c_str(), worst.bytes, text_of(worst.best).c_str());
        report["worst"][where] = worst.ratio;
        for (auto const& each : all)
            report["rows"].push_back({{"on", where},
                                      {"collective", name(each.kind)},
                                      {"bytes", each.bytes},
                                      {"automatic_us", each.microseconds},
                                      {"best", tutti::detail::word(each.best)},
                                      {"best_us", each.best_microseconds},
                                      {"ratio", each.ratio}});
    };
    if (on != "messages") run("threads", judge_all<tutti::comm::threads>);
    if (on != "threads") run("messages", judge_all<laws::message_ranks>);
    bench::write(json, report);
} catch (std::exception const& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    return 1;
}
