#include "../bench/papers.hpp"

#include <doctest/doctest.h>

#include <tutti/error.hpp>
#include <tutti/optim/sgd.hpp>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <utility>

// What ./dev papers prints, held to what papers publish.

TEST_CASE("four stages with forward 1 and backward 2 idle 9 slots each; GPipe holds all micro-batches, 1F1B four") {
    for (int const m : {4, 8, 32}) {
        auto const by_gpipe = papers::count_pipeline(tutti::pipeline::gpipe{}, {4, m}, {1, 2});
        CHECK(by_gpipe.least_idle == 9);
        CHECK(by_gpipe.most_idle == 9);
        CHECK(by_gpipe.in_flight == m);
        auto const one_by_one = papers::count_pipeline(tutti::pipeline::one_forward_one_backward{}, {4, m}, {1, 2});
        CHECK(one_by_one.least_idle == 9);
        CHECK(one_by_one.most_idle == 9);
        CHECK(one_by_one.in_flight == 4);
    }
}

TEST_CASE("a ring's all-reduce of ResNet-50's 25,557,032 floats sends 102.2, 153.3, 178.9 and 191.7 MB per rank") {
    for (auto const& [ranks, megabytes] : {std::pair{2, 102.2}, {4, 153.3}, {8, 178.9}, {16, 191.7}})
        CHECK(static_cast<double>(papers::count_ring(ranks, 25'557'032, 4)) / 1e6 == doctest::Approx(megabytes).epsilon(0.0005));
    CHECK(papers::count_ring(4, 1000, 8) == 2 * 3 * 250 * 8);
    CHECK(papers::count_ring(1, 1000, 8) == 0);
}

TEST_CASE("ZeRO-1 of 7.5 billion parameters with Adam takes 120, 52.5 and 31.4 GB per rank on 1, 4 and 64") {
    for (auto const& [ranks, gigabytes] : {std::pair{1, 120.0}, {4, 52.5}, {64, 31.4}})
        CHECK(static_cast<double>(papers::count_sharded(ranks, 7'500'000'000, tutti::optim::adam{})) / 1e9 ==
              doctest::Approx(gigabytes).epsilon(0.001));
}

TEST_CASE("PowerSGD makes ResNet-18's gradients 243, 136 and 72 times smaller, and those of an LSTM 310 times") {
    CHECK(tutti::bytes_of(papers::resnet18().blocks) == 4 * 11'173'962);
    for (auto const& [rank, times] : {std::pair{1, 243.0}, {2, 136.0}, {4, 72.0}})
        CHECK(papers::count_power_sgd(papers::resnet18().blocks, rank) == doctest::Approx(times).epsilon(0.003));
    CHECK(papers::count_power_sgd(papers::lstm().blocks, 1) == doctest::Approx(310).epsilon(0.002));
    CHECK(papers::count_power_sgd(papers::parse_blocks("512x4608"), 1) == doctest::Approx(461).epsilon(0.001));
    CHECK(papers::count_power_sgd(papers::parse_blocks("4x4,10"), 1) == 1);  // exactly, both
    CHECK_THROWS_AS(papers::parse_blocks("4x,3"), std::invalid_argument);
}

TEST_CASE("sizes that make no sense are refused, and other sizes follow the formulas") {
    using papers::count_pipeline, papers::count_power_sgd, papers::count_ring, papers::count_sharded, papers::parse_blocks;
    tutti::pipeline::gpipe const all_forward{};
    tutti::pipeline::one_forward_one_backward const one_by_one{};
    for (auto const& [stages, parts] : {std::pair{1, 1}, {3, 2}, {7, 5}, {16, 64}}) {
        auto const counted = count_pipeline(one_by_one, {stages, parts}, {3, 5});
        CHECK(counted.least_idle == (stages - 1) * 8);
        CHECK(counted.most_idle == (stages - 1) * 8);
        CHECK(counted.in_flight == std::min(stages, parts));
        CHECK(counted.end == (stages - 1 + parts) * 8);
        CHECK(count_pipeline(all_forward, {stages, parts}, {3, 5}).in_flight == parts);
    }
    CHECK_THROWS_AS(count_pipeline(all_forward, {0, 4}, {1, 2}), std::invalid_argument);
    CHECK_THROWS_AS(count_pipeline(one_by_one, {4, 0}, {1, 2}), std::invalid_argument);
    CHECK_THROWS_AS(count_pipeline(one_by_one, {-1, -1}, {1, 2}), std::invalid_argument);
    for (double const bad : {0.0, -1.0, 1e308, std::numeric_limits<double>::quiet_NaN()}) {
        CHECK_THROWS_AS(count_pipeline(all_forward, {4, 4}, {bad, 2}), std::invalid_argument);
        CHECK_THROWS_AS(count_pipeline(one_by_one, {4, 4}, {1, bad}), std::invalid_argument);
    }
    CHECK(count_ring(16, 7, 4) <= 2 * 7 * 4);
    CHECK_THROWS_AS(count_ring(0, 7, 4), std::invalid_argument);
    CHECK_THROWS_AS(count_ring(2, std::numeric_limits<std::size_t>::max(), 4), std::invalid_argument);
    CHECK(count_sharded(3, 48, tutti::optim::sgd{}) == 48 * 4 + 16 * 4);
    CHECK_THROWS_AS(count_sharded(0, 48, tutti::optim::adam{}), std::invalid_argument);
    CHECK_THROWS_AS(count_sharded(2, std::numeric_limits<std::size_t>::max(), tutti::optim::adam{}), std::invalid_argument);
    CHECK_THROWS_AS(count_power_sgd(papers::lstm().blocks, 0), tutti::usage_error);
    CHECK_THROWS_AS(count_power_sgd(parse_blocks("0x5,0"), 1), std::invalid_argument);
    for (auto const* const text : {"", "5x", "x5", "5,", "5 6", "-5", "999999999999x2", "999999999x999999999"})
        CHECK_THROWS_AS(parse_blocks(text), std::invalid_argument);
}
