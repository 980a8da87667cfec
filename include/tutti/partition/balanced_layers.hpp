#pragma once

#include <tutti/concepts/layer_partition.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/detail/to_text.hpp>
#include <tutti/error.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace tutti::partition {

/// Cuts a model's layers so that the stage that costs most costs as little as can be: a pipeline is as fast as its slowest stage.
/// Of several best ways it takes the one whose first stages have fewest layers.
/// Cost:   layers^2 x stages comparisons, by dynamic programming
struct balanced_layers {
    std::vector<double> costs{};  ///< of each layer, in any unit, such as seconds forward and backward; finite, >= 0

    template <class = void>
    std::vector<std::size_t> cuts(std::size_t layers, std::size_t stages) const {
        if (costs.size() != layers)
            detail::raise<usage_error>({"tutti: partition::balanced_layers has ", costs.size(), " costs for ", layers, " layers"});
        for (std::size_t k = 0; k < layers; ++k)
            if (!(costs[k] >= 0 && std::isfinite(costs[k])))
                detail::raise<usage_error>({"tutti: partition::balanced_layers: the cost of layer ", k, " is ",
                                            detail::to_text(costs[k]), "; costs are finite, and 0 or more"});
        // best[s][k]: the cost of the costliest of s + 1 stages that share layers k and up.
        constexpr double never = std::numeric_limits<double>::infinity();
        std::vector<std::vector<double>> best(stages, std::vector<double>(layers + 1, never));
        for (std::size_t k = layers; k-- > 0;) best[0][k] = costs[k] + (k + 1 < layers ? best[0][k + 1] : 0);
        // Calls use(end, worst) for each end that leaves a layer to every later stage.
        auto each_end = [&](std::size_t later, std::size_t first, auto use) {
            double mine = 0;
            for (std::size_t end = first + 1; end + later <= layers; ++end) {
                mine += costs[end - 1];
                use(end, std::max(mine, best[later - 1][end]));
            }
        };
        for (std::size_t later = 1; later < stages; ++later)
            for (std::size_t k = 0; k + later < layers; ++k)
                each_end(later, k, [&](std::size_t, double worst) { best[later][k] = std::min(best[later][k], worst); });
        std::vector<std::size_t> all{0};
        for (std::size_t later = stages; --later > 0;) {
            std::size_t chosen = 0;
            each_end(later, all.back(), [&](std::size_t end, double worst) {
                if (chosen == 0 && worst <= best[stages - 1][0]) chosen = end;
            });
            all.push_back(chosen);
        }
        all.push_back(layers);
        return all;
    }
};

}  // namespace tutti::partition
