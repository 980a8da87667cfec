#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <tutti/error.hpp>

/// One parameter, moved by an optimiser as a trainer would move it.
namespace optimising {

template <class T>
struct parameter {
    T x;
    T first = 0, second = 0;  // state

    template <class Optimizer>
    void step(Optimizer const& rule, std::int64_t t, T gradient) {
        auto const update = rule.template at<T>(t);
        using Update = decltype(update);
        if (rule.slots() == 0) {
            if constexpr (std::invocable<Update, T&, T>) update(x, gradient);
        } else if (rule.slots() == 1) {
            if constexpr (std::invocable<Update, T&, T, T&>) update(x, gradient, first);
        } else {
            if constexpr (std::invocable<Update, T&, T, T&, T&>) update(x, gradient, first, second);
        }
    }
};

/// Where `x` is after each step; `gradient(x, t)` is taken where the parameter is.
template <class T, class Optimizer, class Gradient>
std::vector<double> path(Optimizer const& rule, double start, int steps, Gradient gradient) {
    parameter<T> moved{static_cast<T>(start)};
    std::vector<double> visited;
    for (int t = 1; t <= steps; ++t) {
        moved.step(rule, t, static_cast<T>(gradient(static_cast<double>(moved.x), t)));
        visited.push_back(static_cast<double>(moved.x));
    }
    return visited;
}

/// The largest distance between two paths.
inline double apart(std::vector<double> const& a, std::vector<double> const& b) {
    double worst = a.size() == b.size() ? 0 : 1e300;
    for (std::size_t t = 0; t < a.size() && t < b.size(); ++t) {
        double const off = a[t] > b[t] ? a[t] - b[t] : b[t] - a[t];
        if (!(off <= worst)) worst = off;
    }
    return worst;
}

/// The text of the usage_error that `rule.check()` throws, or "" if it throws none.
template <class Optimizer>
std::string objection(Optimizer const& rule) {
    try {
        rule.check();
    } catch (tutti::usage_error const& problem) { return problem.what(); }
    return "";
}

inline bool holds(std::string const& text, std::string const& part) { return text.find(part) != std::string::npos; }

}  // namespace optimising
