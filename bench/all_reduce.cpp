// Times the sum of floats, in place, on thread ranks: tutti's all_reduce, one written for two threads alone, and memcpy of as
// many bytes by as many threads, in the same run.
#include "contest.hpp"
#include "contest_report.hpp"
#include "report.hpp"
#include "sizes.hpp"

#include "../examples/command_line.hpp"

#include <tutti/tutti.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <set>
#include <string>
#include <vector>

namespace {

/// Sizes from one to the other, and between them those at which goals begin or end.
std::vector<std::size_t> sizes_between(bench::sizes const& wanted, int ranks) {
    std::set<std::size_t> sizes;
    for (std::size_t bytes = wanted.from; bytes <= wanted.to; bytes *= wanted.factor) sizes.insert(bytes);
    for (auto const& goal : bench::goals)
        for (std::size_t const bytes : {goal.from, goal.to})
            if (goal.ranks == ranks && bytes >= wanted.from && bytes <= wanted.to) sizes.insert(bytes);
    return {sizes.begin(), sizes.end()};
}

/// Measures and prints; adds to the report.
void measure(int ranks, std::vector<std::size_t> const& sizes, std::vector<bench::timing> const& timings, bench::rules const& rules,
             nlohmann::json& report) {
    std::printf("\n%d ranks, %d repeats, buffers: %s\n", ranks, rules.repeats,
                rules.rotate ? (std::to_string(rules.rotate) + " bytes in turn").c_str() : "one");
    bench::raw_all_reduce::meeting_place meeting;
    std::vector<bench::row> rows;
    tutti::launch<tutti::comm::threads>(ranks, [&](auto& world) {
        bench::contest contest{world, rules, meeting};
        for (auto const timing : timings) {
            if (world.rank() == 0) bench::print_header(timing, rules.touch);
            for (std::size_t const bytes : sizes) {
                auto const row = contest.measure(bytes, timing);
                if (world.rank() != 0) continue;
                bench::print(row, ranks);
                rows.push_back(row);
            }
        }
    });

    for (auto const& row : rows) report["rows"].push_back(bench::as_json(row, ranks));
    std::printf("\ngoals\n");
    for (auto const timing : timings)
        for (auto const& goal : bench::goals)
            if (auto const verdict = goal.ranks == ranks ? bench::judge(goal, timing, rows) : nullptr; !verdict.is_null())
                report["goals"].push_back(verdict);
}

}  // namespace

int main(int argc, char** argv) try {
    int ranks = 0;
    bench::sizes sizes{.from = 8, .to = 64 << 20, .factor = 2};
    std::string how = "both", json;
    bool quick = false;
    bench::rules rules;

    CLI::App app{
        "Times the sum of floats, in place, on thread ranks: tutti's all_reduce, one written for two threads alone (raw), and "
        "memcpy of as many bytes by as many threads. They take turns in every repeat; ratios are medians over repeats."};
    app.option_defaults()->always_capture_default();
    app.add_option("--ranks", ranks,
                   "thread ranks; raw takes part when they are 2 on at least 2 cores; 0: 2, then 16 at the sizes of their goals")
        ->check(CLI::Range(0, 1024));
    bench::add_sizes(app, sizes);
    app.get_option("--factor")->description("from one size to the next; the sizes of goals are between them");
    app.add_option("--timing", how, "each: every call by itself, behind a barrier that is not timed; row: calls in a row; or both")
        ->check(CLI::IsMember{{"each", "row", "both"}});
    app.add_option("--rotate", rules.rotate,
                   "take buffers in turn from so many bytes per rank, so that none stays in cache; 0: one buffer")
        ->transform(CLI::AsSizeValue{false});
    app.add_option("--offset", rules.offset,
                   "bytes between the start of a cache line and that of a buffer; 16 is common in a std::vector")
        ->transform(CLI::AsSizeValue{false})
        ->check(bench::whole_floats(0));
    app.add_flag("--touch", rules.touch, "with timing `each`: rewrite the buffer before every call, as a program would; not timed");
    app.add_option("--repeats", rules.repeats, "turns of every contender per size")->check(CLI::PositiveNumber);
    app.add_option("--milliseconds", rules.milliseconds, "length of a turn, in calls")->check(CLI::PositiveNumber);
    app.add_flag("--quick", quick, "few sizes and short turns: shows that it works, measures little");
    app.add_option("--json", json, "write all measurements to this file")->check(bench::cannot_write);
    CLI11_PARSE(app, argc, argv);
    if (quick) sizes.to = std::clamp<std::size_t>(1 << 20, sizes.from, sizes.to), sizes.factor = 16;
    if (quick) rules.repeats = 3, rules.milliseconds = 1;

    std::vector<bench::timing> timings;
    if (how != "row") timings.push_back(bench::timing::each);
    if (how != "each") timings.push_back(bench::timing::in_a_row);

    nlohmann::json report{{"bench", "all_reduce"},        {"machine", bench::machine()}, {"rotate_bytes", rules.rotate},
                          {"offset_bytes", rules.offset}, {"touch", rules.touch},        {"repeats", rules.repeats}};
    bench::print(report["machine"]);
    measure(ranks ? ranks : 2, sizes_between(sizes, ranks ? ranks : 2), timings, rules, report);
    if (ranks == 0) {
        std::vector<std::size_t> few;
        for (auto const& goal : bench::goals)
            if (goal.ranks == 16 && goal.from >= sizes.from && goal.to <= sizes.to) few.push_back(goal.from);
        if (!few.empty()) measure(16, few, timings, rules, report);
    }
    bench::write(json, report);
} catch (std::exception const& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    return 1;
}
