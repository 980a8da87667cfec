#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <iterator>
#include <utility>
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

/// The median of `compare(a, b)` over what was measured in the same repeat: what disturbs a repeat disturbs both, and cancels.
template <class Compare>
double median_of_pairs(std::vector<double> const& a, std::vector<double> const& b, Compare compare) {
    std::vector<double> results;
    std::transform(a.begin(), a.end(), b.begin(), std::back_inserter(results), compare);
    return median(std::move(results));
}
inline double median_ratio(std::vector<double> const& a, std::vector<double> const& b) {
    return median_of_pairs(a, b, std::divides{});
}
inline double median_difference(std::vector<double> const& a, std::vector<double> const& b) {
    return median_of_pairs(a, b, std::minus{});
}

}  // namespace bench
