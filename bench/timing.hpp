#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <vector>

namespace bench {

using clock = std::chrono::steady_clock;

inline double seconds_since(clock::time_point start) { return std::chrono::duration<double>(clock::now() - start).count(); }

/// The middle one; of an even number, the mean of the two in the middle. Not of none.
inline double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    std::size_t const n = values.size();
    return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

inline double least(std::vector<double> const& values) { return *std::min_element(values.begin(), values.end()); }

/// The median ratio of what was measured in the same repeat: what disturbs a repeat disturbs both, and cancels.
inline double median_ratio(std::vector<double> const& of, std::vector<double> const& to) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < of.size(); ++i) ratios.push_back(of[i] / to[i]);
    return median(std::move(ratios));
}

}  // namespace bench
