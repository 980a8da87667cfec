#include <tutti/concepts/partition.hpp>
#include <tutti/error.hpp>
#include <tutti/partition/weighted.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

using tutti::share_of;
using tutti::partition::weighted;

namespace {

void check_laws(weighted const& dealt, std::size_t size) {
    int const ranks = static_cast<int>(dealt.weights.size());
    std::vector<int> met(size, 0);
    std::vector<std::size_t> total(size + 1, 0);
    bool monotone = true, in_range = true;
    for (int rank = 0; rank < ranks; ++rank) {
        auto const share = dealt.share(share_of{1, size, rank, ranks});
        for (std::size_t x = 0; x <= size; ++x) {
            total[x] += share.before(x);
            monotone = monotone && (x == 0 || share.before(x) >= share.before(x - 1));
        }
        for (std::size_t k = 0; k < share.before(size); ++k) {
            in_range = in_range && share.row(k) < size;
            if (share.row(k) < size) ++met[share.row(k)];
        }
    }
    bool sums = true;
    for (std::size_t x = 0; x <= size; ++x) sums = sums && total[x] == x;
    CAPTURE(ranks);
    CAPTURE(size);
    CHECK(monotone);
    CHECK(sums);
    CHECK(in_range);
    CHECK(met == std::vector<int>(size, 1));
}

std::string refused(weighted const& dealt, int ranks) {
    try {
        (void)dealt.share(share_of{0, 100, 0, ranks});
    } catch (tutti::usage_error const& problem) { return problem.what(); }
    return "nothing was thrown";
}

bool holds(std::string const& text, std::string const& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("weighted deals every sample exactly once, and its counts are monotone and sum to the position") {
    for (std::size_t const ranks : {1u, 2u, 3u, 4u, 5u, 6u, 7u, 8u, 16u}) {
        std::vector<double> equal(ranks, 1), growing, with_zeros;
        for (std::size_t rank = 0; rank < ranks; ++rank)
            growing.push_back(0.5 + static_cast<double>(rank)), with_zeros.push_back(rank % 2 ? 0 : 0.1);
        for (std::size_t const size :
             {std::size_t{0}, std::size_t{1}, ranks - 1, ranks, ranks + 1, std::size_t{1000}, std::size_t{1024}, std::size_t{3001}})
            for (auto const& weights : {equal, growing, with_zeros}) {
                check_laws({.weights = weights}, size);
                check_laws({.weights = weights, .seed = 3}, size);
            }
    }
}

TEST_CASE("weighted keeps its laws for random and for extreme weights") {
    std::mt19937 random{7};
    for (int turn = 0; turn < 100; ++turn) {
        std::vector<double> weights(1 + random() % 16);
        for (double& each : weights)
            each = std::exp(static_cast<double>(random() % 2000) / 100 - 10);  // over nine orders of magnitude
        check_laws({.weights = weights}, 1500);
    }
    check_laws({.weights = {1e-300, 1e300}}, 1500);
    check_laws({.weights = {5e-324, 5e-324}}, 1500);
    check_laws({.weights = {0, 0, 1}}, 1500);
    check_laws({.weights = {1.0 / 3, 1.0 / 3, 1.0 / 3}}, 1500);
    check_laws({.weights = std::vector<double>(1000, 1)}, 2100);
}

TEST_CASE("weighted deals in proportion to the weights, to a 1024th of a round, from the start on") {
    for (auto const& weights :
         std::vector<std::vector<double>>{{1, 1}, {1, 3}, {3, 1}, {1, 2, 5}, {0.7, 0.2, 0.1, 1}, {0, 1, 0, 3}}) {
        double sum = 0;
        for (double const each : weights) sum += each;
        int const ranks = static_cast<int>(weights.size());
        for (int rank = 0; rank < ranks; ++rank) {
            double const fair = weights[static_cast<std::size_t>(rank)] / sum;
            auto const share = weighted{.weights = weights}.share(share_of{0, 10'240, rank, ranks});
            // Exact proportions up to rounding to 1024ths: one turn in 1024 per rank.
            CHECK(std::abs(static_cast<double>(share.before(10'240)) - 10'240 * fair) <= 10);
            // Smooth: at every position a rank is at most a turn per rank ahead of its fair share or behind.
            double worst = 0;
            for (std::size_t x = 0; x <= 1024; ++x)
                worst = std::max(worst, std::abs(static_cast<double>(share.before(x)) - static_cast<double>(x) * fair));
            CHECK(worst <= ranks);
        }
    }
}

TEST_CASE("weighted gives whole proportions of a round exactly") {
    for (auto const& [rank, wanted] : std::vector<std::pair<int, std::size_t>>{{0, 1}, {1, 3}, {2, 4}, {3, 0}}) {
        auto const share = weighted{.weights = {1, 3, 4, 0}}.share(share_of{0, 8000, rank, 4});
        CHECK(share.before(8000) == wanted * 1000);
        for (std::size_t x = 0; x <= 8000; x += 8) CHECK(share.before(x) == wanted * x / 8);
    }
}

TEST_CASE("a scale common to all weights changes nothing") {
    for (int rank = 0; rank < 3; ++rank) {
        auto const one = weighted{.weights = {1, 2, 5}}.share(share_of{0, 5000, rank, 3}),
                   other = weighted{.weights = {0.25, 0.5, 1.25}}.share(share_of{0, 5000, rank, 3});
        bool same = true;
        for (std::size_t x = 0; x <= 5000; ++x) same = same && one.before(x) == other.before(x);
        for (std::size_t k = 0; k < one.before(5000); ++k) same = same && one.row(k) == other.row(k);
        CHECK(same);
    }
}

TEST_CASE("weighted shuffles where it has a seed, anew in every epoch, and keeps the order where it has none") {
    auto rows = [](std::optional<std::uint64_t> seed, std::int64_t epoch) {
        auto const share = weighted{.weights = {1, 1}, .seed = seed}.share(share_of{epoch, 200, 0, 2});
        std::vector<std::size_t> all;
        for (std::size_t k = 0; k < share.before(200); ++k) all.push_back(share.row(k));
        return all;
    };
    auto const in_order = rows({}, 0);
    for (std::size_t k = 1; k < in_order.size(); ++k) CHECK(in_order[k - 1] < in_order[k]);
    CHECK(rows({}, 1) == in_order);
    CHECK(rows(1, 0) == rows(1, 0));
    CHECK(rows(1, 0) != rows(1, 1));
    CHECK(rows(1, 0) != rows(2, 0));
    CHECK(rows(0, 0) != in_order);
}

TEST_CASE("weighted refuses weights that do not fit the group or make no sense") {
    double const infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
    std::string const count = refused({.weights = {1, 2, 3}}, 2);
    CHECK(holds(count, "3 weights"));
    CHECK(holds(count, "2 ranks"));
    CHECK(holds(refused({}, 1), "0 weights"));
    CHECK(holds(refused({.weights = {1, -0.5}}, 2), "-0.5"));
    for (double const bad : {infinity, -infinity, nan}) CHECK(holds(refused({.weights = {1, bad}}, 2), "no weight"));
    CHECK(holds(refused({.weights = {0, 0}}, 2), "positive"));
    CHECK(holds(refused({.weights = {1e308, 1e308}}, 2), "finite"));
}
