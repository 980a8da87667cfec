// Times calls without an algorithm against every algorithm that makes the same collective, over a grid of sizes and
// ranks: how far the choice is from the best one.
#include "report.hpp"
#include "timing.hpp"

#include "../tests/laws/message_ranks.hpp"
#include "../examples/command_line.hpp"

#include <tutti/tutti.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

std::string text_of(tutti::algorithm_id which) { return std::string{tutti::detail::word(which)}; }

/// Automatic against the best other choice, at one point.
struct verdict {
    int ranks;
    tutti::collective kind;
    std::size_t bytes;
    double microseconds;  // of automatic
    double ratio;         // automatic / the best
    tutti::algorithm_id picked, best;
    double best_microseconds;
    int looks;  // how often it was measured
};

struct rules {
    tutti::tune_options options{};
    double limit = 1.1;
    int looks = 3;  ///< how often a point beyond the limit is measured before that is believed
    std::size_t most = 32 << 20;
};

/// A point's verdict, the same on all ranks; none if time is over. What disturbs the machine passes and a wrong choice stays: so a
/// point beyond the limit is looked at again, with the candidates in another order, and its best look counts. Collective.
template <class Comm>
std::optional<verdict> judge(tutti::detail::tuning<Comm>& tuning, int ranks, tutti::collective kind, std::size_t bytes,
                             tutti::algorithm_id picked, rules const& wanted) {
    auto candidates = tutti::detail::candidates_for<Comm>(kind);
    candidates.push_back(tutti::algorithm_id::automatic);
    std::optional<verdict> found;
    for (int look = 1; look <= wanted.looks && (!found || found->ratio > wanted.limit); ++look) {
        auto const seconds = tuning.measure(kind, bytes, candidates);
        if (seconds[0].size() < static_cast<std::size_t>(wanted.options.repetitions)) break;
        auto const at = std::find(candidates.begin(), candidates.end(), tutti::algorithm_id::automatic) - candidates.begin();
        auto const& ours = seconds[static_cast<std::size_t>(at)];
        verdict now{ranks, kind, bytes, 1e6 * bench::median(ours), 0, picked, tutti::algorithm_id::own, 0, look};
        for (std::size_t k = 0; k < candidates.size(); ++k) {
            if (candidates[k] == tutti::algorithm_id::automatic) continue;
            // The median of ratios is of no use where half of the turns were disturbed, minima where one was lucky.
            double const ratio = std::min(bench::median_ratio(ours, seconds[k]), bench::least(ours) / bench::least(seconds[k]));
            if (ratio > now.ratio)
                now.ratio = ratio, now.best = candidates[k], now.best_microseconds = 1e6 * bench::median(seconds[k]);
        }
        if (!found || now.ratio < found->ratio) found = now;
        found->looks = look;
        std::rotate(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(candidates.size()) / 2, candidates.end());
    }
    return found;
}

/// Adds the verdicts of all points that there is time for, small ones first. Gives how many were left out.
template <class Comm>
int judge_all(int ranks, rules const& wanted, std::vector<verdict>& all) {
    int left_out = 0;
    tutti::launch<Comm>(ranks, [&](auto& world) {
        auto const start = bench::clock::now();
        while (bench::seconds_since(start) < 0.2) {}  // until the system has given each busy thread a core, where there are enough
        tutti::detail::tuning<Comm> tuning{world, wanted.options};
        for (std::size_t const size : wanted.options.sizes)
            for (int k = static_cast<int>(tutti::collective::barrier); k < static_cast<int>(tutti::collective::send); ++k) {
                auto const kind = static_cast<tutti::collective>(k);
                bool const is_barrier = kind == tutti::collective::barrier;
                if (is_barrier && size != wanted.options.sizes.front()) continue;
                bool const parts = tutti::brings_parts(kind) || tutti::gets_parts(kind);
                if (size * static_cast<std::size_t>(parts ? ranks : 1) > wanted.most) continue;
                std::size_t const bytes = is_barrier ? 0 : size;
                auto const picked = tutti::detail::explain_choice(world, kind, bytes, {}).by;
                auto const found = judge(tuning, ranks, kind, bytes, picked, wanted);
                if (world.rank() != 0) continue;
                if (!found) {
                    ++left_out;
                    continue;
                }
                all.push_back(*found);
                std::printf("%5d  %-16s%12zu%14.2f  %-20s%14.2f  %-20s%8.2f%6d\n", ranks, std::string{name(kind)}.c_str(),
                            found->bytes, found->microseconds, text_of(found->picked).c_str(), found->best_microseconds,
                            text_of(found->best).c_str(), found->ratio, found->looks);
                std::fflush(stdout);
            }
    });
    return left_out;
}

}  // namespace

int main(int argc, char** argv) try {
    std::vector<int> ranks{2, 3, 4, 8};
    std::string on = "both", json;
    double minutes = 8;
    bool quick = false;
    rules wanted;
    wanted.options.repetitions = 15;

    CLI::App app{
        "Times calls without an algorithm against every algorithm that makes the same collective, over a grid of sizes and ranks. "
        "Candidates take turns in every repetition; a ratio is the smaller of the median over repetitions of times of the slowest "
        "rank, and of the ratio of the least times."};
    app.option_defaults()->always_capture_default();
    app.add_option("--ranks", ranks, "numbers of thread ranks")->check(CLI::Range(1, 1024));
    app.add_option("--on", on, "threads, the same with messages alone, or both")
        ->check(CLI::IsMember{{"threads", "messages", "both"}});
    app.add_option("--sizes", wanted.options.sizes, "bytes of one part, ascending multiples of 4");
    app.add_option("--most", wanted.most, "leave out points at which all parts together have more bytes")
        ->transform(CLI::AsSizeValue{false});
    app.add_option("--repetitions", wanted.options.repetitions, "turns of every candidate per point")->check(CLI::PositiveNumber);
    app.add_option("--limit", wanted.limit, "what the ratio should be at most")->check(CLI::PositiveNumber);
    app.add_option("--looks", wanted.looks, "a point beyond the limit is measured up to so often, and its best counts")
        ->check(CLI::PositiveNumber);
    app.add_option("--minutes", minutes, "for all; each number of ranks, on threads and by messages, has an equal share")
        ->check(CLI::PositiveNumber);
    app.add_flag("--quick", quick, "2 ranks, few sizes and turns: shows that it works, measures little");
    app.add_option("--json", json, "write all measurements to this file")->check(bench::cannot_write);
    CLI11_PARSE(app, argc, argv);
    if (quick) ranks = {2}, wanted.options.sizes = {8, 8192}, wanted.options.repetitions = 3, wanted.looks = 1;
    auto const groups = static_cast<double>(ranks.size() * (on == "both" ? 2 : 1));
    wanted.options.time_limit = std::chrono::milliseconds{static_cast<long>(minutes * 60'000 / groups) + 1};
    tutti::detail::check_options(wanted.options);

    nlohmann::json report{
        {"bench", "choice"}, {"machine", bench::machine()}, {"ranks", ranks}, {"repetitions", wanted.options.repetitions}};
    bench::print(report["machine"]);
    std::printf("%d repetitions\n", wanted.options.repetitions);
    auto run = [&](std::string const& where, auto judge_there) {
        std::printf("\n%5s  %-16s%12s%14s  %-20s%14s  %-20s%8s%6s\n", "ranks", ("on " + where).c_str(), "bytes", "automatic us",
                    "picked", "best us", "best", "ratio", "looks");
        std::vector<verdict> all;
        int left_out = 0;
        for (int const each : ranks) left_out += judge_there(each, wanted, all);
        report["left_out"][where] = left_out;
        for (auto const& each : all)
            report["rows"].push_back({{"on", where},
                                      {"ranks", each.ranks},
                                      {"collective", name(each.kind)},
                                      {"bytes", each.bytes},
                                      {"automatic_us", each.microseconds},
                                      {"picked", tutti::detail::word(each.picked)},
                                      {"best", tutti::detail::word(each.best)},
                                      {"best_us", each.best_microseconds},
                                      {"ratio", each.ratio},
                                      {"looks", each.looks}});
        return std::pair{all, left_out};
    };
    auto tell = [&](std::string const& where, std::vector<verdict> all, int left_out) {
        if (all.empty()) return;
        std::sort(all.begin(), all.end(), [](auto const& a, auto const& b) { return a.ratio > b.ratio; });
        auto const over = std::count_if(all.begin(), all.end(), [&](auto const& each) { return each.ratio > wanted.limit; });
        // Two names for one algorithm: what differs is noise, and tells how much of it is in the other points.
        auto const against_itself = std::count_if(
            all.begin(), all.end(), [&](auto const& each) { return each.ratio > wanted.limit && each.picked == each.best; });
        std::string how = "worst";
        for (std::size_t k = 0; k < std::min<std::size_t>(all.size(), 5); ++k)
            how += (k ? "; " : " ") + bench::show_number(all[k].ratio) + " (" + std::string{name(all[k].kind)} + ", " +
                   std::to_string(all[k].ranks) + " ranks, " + bench::show_bytes(all[k].bytes) + ", against " +
                   text_of(all[k].best) + ")";
        how += "; beyond it " + std::to_string(over) + " of " + std::to_string(all.size()) + " points";
        if (against_itself) how += ", " + std::to_string(against_itself) + " of these against the very algorithm that it picked";
        if (left_out) how += "; no time for " + std::to_string(left_out);
        bench::print_verdict(over == 0 && left_out == 0,
                             "on " + where + ": automatic takes at most " + bench::show_number(wanted.limit) +
                                 " times as long as the best choice",
                             how);
        report["goals"].push_back({{"on", where},
                                   {"worst", all[0].ratio},
                                   {"limit", wanted.limit},
                                   {"beyond", over},
                                   {"against_itself", against_itself}});
    };
    std::pair<std::vector<verdict>, int> threads, messages;
    if (on != "messages") threads = run("threads", judge_all<tutti::comm::threads>);
    if (on != "threads") messages = run("messages", judge_all<laws::message_ranks>);
    std::printf("\ngoals\n");
    tell("threads", threads.first, threads.second);
    tell("messages", messages.first, messages.second);
    bench::write(json, report);
} catch (std::exception const& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    return 1;
}
