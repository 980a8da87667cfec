#pragma once

#include <tutti/error.hpp>

#include <concepts>
#include <cstdint>
#include <string>
#include <utility>

namespace tutti::optim {

/// An optimiser whose learning rate follows a schedule: in step t it is `rate(t)` times the optimiser's own.
///     optim::scheduled{optim::sgd{.learning_rate = 0.1}, optim::rate::cosine{.steps = 2000, .warm_up = 100}}
template <class Optimizer, std::invocable<std::int64_t> Rate>
class scheduled {
public:
    scheduled(Optimizer rule, Rate rate) : rule_{std::move(rule)}, rate_{std::move(rate)} {}

    int slots() const { return rule_.slots(); }

    template <std::floating_point T>
    auto at(std::int64_t step) const {
        Optimizer now = rule_;
        now.learning_rate = learning_rate(step);
        return now.template at<T>(step);
    }

    /// The learning rate of step `step`.
    double learning_rate(std::int64_t step) const { return rule_.learning_rate * static_cast<double>(rate_(step)); }

    void check() const {
        rule_.check();
        if (double const first = learning_rate(1); !(first >= 0))
            throw usage_error{"tutti: optim::scheduled: the learning rate of step 1 is " + std::to_string(first)};
    }

private:
    Optimizer rule_;
    Rate rate_;
};

}  // namespace tutti::optim
