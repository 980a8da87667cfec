#include <tutti/concepts/layer_partition.hpp>
#include <tutti/error.hpp>
#include <tutti/partition/balanced_layers.hpp>
#include <tutti/partition/layers.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <random>
#include <vector>

using tutti::usage_error;
namespace partition = tutti::partition;
using list = std::vector<std::size_t>;

static_assert(tutti::layer_partition<partition::layers> && tutti::layer_partition<partition::balanced_layers>);

namespace {

bool keeps_the_laws(list const& cuts, std::size_t layers, std::size_t stages) {
    return cuts.size() == stages + 1 && cuts.front() == 0 && cuts.back() == layers &&
           std::adjacent_find(cuts.begin(), cuts.end(), std::greater_equal{}) == cuts.end();
}

double worst(std::vector<double> const& costs, list const& cuts) {
    double most = 0;
    for (std::size_t s = 0; s + 1 < cuts.size(); ++s) {
        double sum = 0;
        for (std::size_t k = cuts[s]; k < cuts[s + 1]; ++k) sum += costs[k];
        most = std::max(most, sum);
    }
    return most;
}

/// The least that the costliest stage can cost, by trying every way to cut.
double least(std::vector<double> const& costs, std::size_t stages, list cuts = {0}) {
    if (cuts.size() == stages) {
        cuts.push_back(costs.size());
        return worst(costs, cuts);
    }
    double best = std::numeric_limits<double>::infinity();
    for (std::size_t next = cuts.back() + 1; next < costs.size(); ++next) {
        auto more = cuts;
        more.push_back(next);
        best = std::min(best, least(costs, stages, more));
    }
    return best;
}

}  // namespace

TEST_CASE("layers are cut as evenly as can be") {
    for (std::size_t layers = 1; layers <= 12; ++layers)
        for (std::size_t stages = 1; stages <= layers; ++stages) {
            auto const cuts = partition::layers{}.cuts(layers, stages);
            REQUIRE(keeps_the_laws(cuts, layers, stages));
            for (std::size_t s = 0; s < stages; ++s) {
                CHECK(cuts[s + 1] - cuts[s] >= layers / stages);
                CHECK(cuts[s + 1] - cuts[s] <= (layers + stages - 1) / stages);
            }
        }
}

TEST_CASE("layers are cut where one says") {
    CHECK(partition::layers{{2, 3}}.cuts(7, 3) == list{0, 2, 3, 7});
    CHECK(partition::layers{{6}}.cuts(7, 2) == list{0, 6, 7});
}

TEST_CASE("cuts that do not fit are refused") {
    CHECK_THROWS_WITH_AS((void)(partition::layers{{2, 3}}.cuts(7, 2)), doctest::Contains("3 stages for 2 ranks"), usage_error);
    for (list const& wrong : {list{0, 3}, list{3, 3}, list{4, 3}, list{3, 7}, list{3, 9}})
        CHECK_THROWS_WITH_AS((void)(partition::layers{wrong}.cuts(7, 3)), doctest::Contains("no stage may be empty"), usage_error);
}

TEST_CASE("balanced_layers finds what trying every way finds") {
    std::mt19937 bits{1};
    for (std::size_t layers = 1; layers <= 9; ++layers)
        for (std::size_t stages = 1; stages <= layers; ++stages)
            for (int round = 0; round < 20; ++round) {
                std::vector<double> costs;
                // Whole numbers, whose sums are exact; 0 now and then.
                for (std::size_t k = 0; k < layers; ++k) costs.push_back(static_cast<double>(bits() % (round % 2 == 0 ? 4 : 100)));
                auto const cuts = partition::balanced_layers{costs}.cuts(layers, stages);
                REQUIRE(keeps_the_laws(cuts, layers, stages));
                CHECK(worst(costs, cuts) == least(costs, stages));
            }
}

TEST_CASE("balanced_layers cuts the same for costs in another unit, whose sums round") {
    std::vector<double> costs(40, 0.1);
    costs[7] = 0.7;
    for (std::size_t stages = 1; stages <= 40; ++stages) {
        auto const cuts = partition::balanced_layers{costs}.cuts(40, stages);
        REQUIRE(keeps_the_laws(cuts, 40, stages));
        // No way to cut can beat the mean, nor the costliest layer; this one is within a layer of both.
        double const bound = std::max(4.6 / static_cast<double>(stages), 0.7);
        CHECK(worst(costs, cuts) >= bound - 1e-12);
        CHECK(worst(costs, cuts) <= bound + 0.7);
    }
}

TEST_CASE("costs that make no sense are refused") {
    CHECK_THROWS_WITH_AS((void)(partition::balanced_layers{{1, 2}}.cuts(3, 2)), doctest::Contains("2 costs for 3 layers"),
                         usage_error);
    for (double const wrong : {-1.0, static_cast<double>(NAN), static_cast<double>(INFINITY)})
        CHECK_THROWS_WITH_AS((void)(partition::balanced_layers{{1, wrong, 1}}.cuts(3, 2)), doctest::Contains("cost of layer 1"),
                             usage_error);
}
