#include <tutti/partition/permutation.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

using tutti::partition::permutation;

// The seeds are fixed, so each test gives the same number in every run. A statistic with mean m and standard deviation s passes
// within m ± 5 s: of a fair shuffle one seed in a million would not.

namespace {

/// Pearson's statistic of counts that are all expected to be `expected`.
template <class Counts>
double chi_squared(Counts const& counts, double expected) {
    double sum = 0;
    for (double const count : counts) sum += (count - expected) * (count - expected) / expected;
    return sum;
}

/// Chi-squared with n degrees of freedom has mean n and variance 2n.
void check_chi_squared(double statistic, double degrees) {
    CHECK(statistic > degrees - 5 * std::sqrt(2 * degrees));
    CHECK(statistic < degrees + 5 * std::sqrt(2 * degrees));
}

}  // namespace

TEST_CASE("where an index goes does not depend on where it was, in buckets") {
    // Margins of the table are fixed, and it is a permutation: the statistic, scaled by (n - 1) / n, has about (k - 1)^2 degrees of freedom.
    constexpr std::size_t buckets = 16;
    for (std::size_t const size : {std::size_t{4096}, std::size_t{10'000}, std::size_t{65'536}, std::size_t{100'000}})
        for (std::uint64_t seed = 0; seed < 5; ++seed) {
            permutation const order{size, seed};
            std::array<double, buckets * buckets> counts{};
            for (std::size_t i = 0; i < size; ++i) ++counts[i * buckets / size * buckets + order(i) * buckets / size];
            auto const n = static_cast<double>(size);
            check_chi_squared(chi_squared(counts, n / (buckets * buckets)) * (n - 1) / n, (buckets - 1.0) * (buckets - 1.0));
        }
}

TEST_CASE("the low bits of where an index goes do not depend on its own low bits") {
    constexpr std::size_t residues = 8;
    for (std::size_t const size : {std::size_t{4096}, std::size_t{40'000}})
        for (std::uint64_t seed = 0; seed < 5; ++seed) {
            permutation const order{size, seed};
            std::array<double, residues * residues> counts{};
            for (std::size_t i = 0; i < size; ++i) ++counts[i % residues * residues + order(i) % residues];
            auto const n = static_cast<double>(size);
            check_chi_squared(chi_squared(counts, n / (residues * residues)) * (n - 1) / n, (residues - 1.0) * (residues - 1.0));
        }
}

TEST_CASE("neighbours are not correlated") {
    // The circular serial correlation of a random permutation has mean -1 / (n - 1) and variance about 1 / n.
    for (std::size_t const size : {std::size_t{1000}, std::size_t{4096}, std::size_t{100'003}})
        for (std::size_t const lag : {1u, 2u, 3u, 8u, 64u})
            for (std::uint64_t seed = 0; seed < 5; ++seed) {
                permutation const order{size, seed};
                auto const n = static_cast<double>(size);
                double const mean = (n - 1) / 2, variance = (n * n - 1) / 12;
                double sum = 0;
                for (std::size_t i = 0; i < size; ++i)
                    sum += (static_cast<double>(order(i)) - mean) * (static_cast<double>(order((i + lag) % size)) - mean);
                CHECK(std::abs(sum / n / variance + 1 / (n - 1)) < 5 / std::sqrt(n));
            }
}

TEST_CASE("the number of fixed points follows Poisson's law with mean 1") {
    for (std::size_t const size : {std::size_t{100}, std::size_t{128}, std::size_t{1000}}) {
        constexpr int keys = 4000;
        std::array<double, 5> counts{};  // 0, 1, 2, 3, more
        for (std::uint64_t seed = 0; seed < keys; ++seed) {
            permutation const order{size, seed};
            std::size_t fixed = 0;
            for (std::size_t i = 0; i < size; ++i) fixed += order(i) == i;
            ++counts[std::min<std::size_t>(fixed, 4)];
        }
        std::array<double, 5> share{std::exp(-1.0), std::exp(-1.0), std::exp(-1.0) / 2, std::exp(-1.0) / 6, 0};
        share[4] = 1 - share[0] - share[1] - share[2] - share[3];
        double statistic = 0;
        for (std::size_t k = 0; k < 5; ++k)
            statistic += (counts[k] - keys * share[k]) * (counts[k] - keys * share[k]) / (keys * share[k]);
        CHECK(statistic < 4 + 5 * std::sqrt(8.0));
    }
}

TEST_CASE("each of the 24 orders of 4 elements, and of the 120 of 5, comes up about equally often over seeds, and over epochs") {
    for (std::size_t const size : {std::size_t{4}, std::size_t{5}})
        for (bool const over_epochs : {false, true}) {
            std::size_t const orders = size == 4 ? 24 : 120;
            constexpr std::uint64_t keys = 24'000;
            std::map<std::vector<std::size_t>, double> seen;
            for (std::uint64_t k = 0; k < keys; ++k) {
                permutation const order{size, over_epochs ? 11 : k, over_epochs ? k : 0};
                std::vector<std::size_t> listed;
                for (std::size_t i = 0; i < size; ++i) listed.push_back(order(i));
                ++seen[listed];
            }
            CHECK(seen.size() == orders);
            std::vector<double> counts(orders, 0);
            std::size_t next = 0;
            for (auto const& [listed, count] : seen) counts[next++] = count;
            check_chi_squared(chi_squared(counts, static_cast<double>(keys) / static_cast<double>(orders)),
                              static_cast<double>(orders) - 1);
        }
}

TEST_CASE("where the first index goes is spread evenly over seeds that follow one another") {
    for (std::size_t const size : {std::size_t{10}, std::size_t{100}, std::size_t{1000}}) {
        std::vector<double> counts(size, 0);
        for (std::uint64_t seed = 0; seed < 200 * size; ++seed) ++counts[permutation{size, seed}(0)];
        check_chi_squared(chi_squared(counts, 200), static_cast<double>(size) - 1);
    }
}

TEST_CASE("shuffles of one seed in two epochs are not correlated") {
    constexpr std::size_t size = 10'000;
    auto const n = static_cast<double>(size);
    double const mean = (n - 1) / 2, variance = (n * n - 1) / 12;
    for (std::uint64_t epoch = 0; epoch < 20; ++epoch) {
        permutation const now{size, 1, epoch}, next{size, 1, epoch + 1};
        double sum = 0;
        for (std::size_t i = 0; i < size; ++i) sum += (static_cast<double>(now(i)) - mean) * (static_cast<double>(next(i)) - mean);
        CHECK(std::abs(sum / n / variance) < 5 / std::sqrt(n));
    }
}
