#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace digits {

/// The first parameters of fully connected layers: of each its weights, column by column, then its bias.
/// @param widths  of the input, the hidden layers and the output
/// Source: He et al. 2015, arXiv:1502.01852
inline std::vector<float> first_weights(std::vector<std::size_t> const& widths, std::uint64_t seed) {
    std::vector<float> all;
    std::mt19937_64 bits{seed};
    for (std::size_t k = 1; k < widths.size(); ++k) {
        std::normal_distribution<float> normal{0, std::sqrt(2 / static_cast<float>(widths[k - 1]))};
        for (std::size_t n = widths[k] * widths[k - 1]; n > 0; --n) all.push_back(normal(bits));
        all.resize(all.size() + widths[k]);
    }
    return all;
}

}  // namespace digits
