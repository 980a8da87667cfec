#pragma once

#include "contest.hpp"
#include "report.hpp"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

namespace bench {

inline char const* name(timing how) { return how == timing::each ? "each" : "row"; }

inline double gigabytes_per_second(row const& result) {
    return static_cast<double>(result.bytes) / median(result.slowest[ours]) / 1000;
}

/// Bytes that a rank must send for each byte it brings.
inline double bus_share(int ranks) { return 2.0 * (ranks - 1) / ranks; }

inline void print_header(timing how, bool touch) {
    std::printf("\n%s%s; microseconds on the slowest rank\n",
                how == timing::each ? "each call by itself, behind a barrier" : "calls in a row",
                how == timing::each && touch ? ", on a buffer just rewritten" : "");
    std::printf("%10s %21s   %21s %5s   %21s %5s   %13s\n", "", "tutti        ", "raw         ", "", "memcpy       ", "",
                "GB/s     ");
    std::printf("%10s %10s %10s   %10s %10s ratio   %10s %10s ratio   %6s %6s\n", "bytes", "median", "min", "median", "min",
                "median", "min", "alg", "bus");
}

inline void print(row const& result, int ranks) {
    std::printf("%10zu %10.3f %10.3f", result.bytes, median(result.slowest[ours]), least(result.slowest[ours]));
    for (auto const who : {raw, copying}) {
        auto const& times = result.slowest[who];
        if (times.empty()) std::printf("   %10s %10s %5s", "", "", "");
        else std::printf("   %10.3f %10.3f %5.2f", median(times), least(times), median_ratio(result.slowest[ours], times));
    }
    std::printf("   %6.2f %6.2f\n", gigabytes_per_second(result), gigabytes_per_second(result) * bus_share(ranks));
    std::fflush(stdout);
}

inline nlohmann::json as_json(row const& result, int ranks) {
    nlohmann::json json{{"ranks", ranks},
                        {"timing", name(result.how)},
                        {"bytes", result.bytes},
                        {"algorithm_gb_per_s", gigabytes_per_second(result)},
                        {"bus_gb_per_s", gigabytes_per_second(result) * bus_share(ranks)}};
    for (auto const who : {ours, raw, copying}) {
        auto const& times = result.slowest[who];
        if (times.empty()) continue;
        json[contender_names[who]] = {{"median_us", median(times)},
                                      {"min_us", least(times)},
                                      {"tutti_ratio", median_ratio(result.slowest[ours], times)},
                                      {"slowest_rank_us", times},
                                      {"mean_of_ranks_us", result.mean[who]}};
    }
    return json;
}

/// What tutti should reach: at most `limit` times what the other contender takes or, against itself, `limit` microseconds.
struct goal {
    int ranks;
    contender against;
    double limit;
    std::size_t from, to;  // bytes
};

constexpr goal goals[] = {{2, raw, 2, 8, 4 << 10},
                          {2, raw, 1.3, 64 << 10, 2 << 20},
                          {2, copying, 1.15, 16 << 20, 64 << 20},
                          {16, ours, 100, 8, 8},
                          {16, ours, 5000, 1 << 20, 1 << 20}};

/// Prints and returns how far the rows meet a goal; null where none can tell.
inline nlohmann::json judge(goal const& wanted, timing how, std::vector<row> const& rows) {
    double worst = 0;
    std::size_t at = 0;
    for (row const& each : rows) {
        if (each.how != how || each.bytes < wanted.from || each.bytes > wanted.to || each.slowest[wanted.against].empty()) continue;
        auto const& times = each.slowest[ours];
        double const value = wanted.against == ours ? median(times) : median_ratio(times, each.slowest[wanted.against]);
        if (value > worst) worst = value, at = each.bytes;
    }
    if (at == 0) return {};
    bool const met = worst <= wanted.limit;
    auto const unit = wanted.against == ours ? std::string{" us"} : std::string{" times "} + contender_names[wanted.against];
    auto where = show_bytes(wanted.from);
    if (wanted.to != wanted.from) where += " to " + show_bytes(wanted.to);
    print_verdict(met,
                  std::to_string(wanted.ranks) + " ranks, " + where + ", " +
                      (how == timing::each ? "each call by itself" : "calls in a row") + ": at most " + show_number(wanted.limit) +
                      unit,
                  "worst " + show_number(worst) + unit + " (" + show_bytes(at) + ")");
    return {{"ranks", wanted.ranks}, {"timing", name(how)}, {"from", wanted.from}, {"to", wanted.to}, {"limit", wanted.limit},
            {"unit", unit},          {"worst", worst},      {"worst_at", at},      {"met", met}};
}

}  // namespace bench
