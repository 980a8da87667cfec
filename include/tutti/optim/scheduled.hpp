#pragma once

#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>
#include <tutti/optim/common.hpp>

#include <cmath>
#include <concepts>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace tutti::optim {

/// An optimiser whose learning rate follows a schedule: in step t it is `rate(t)` times the optimiser's own.
///     optim::scheduled{optim::sgd{.learning_rate = 0.1}, optim::rate::cosine{.steps = 2000, .warm_up = 100}}
template <class Optimizer, class Rate>
class scheduled {
    static_assert(std::is_invocable_r_v<double, Rate const&, std::int64_t>,
                  "tutti: optim::scheduled{optimiser, rate}: a rate is called, while const, with the number of a step, from 1, and gives what "
                  "the optimiser's learning rate is multiplied by in it: tutti::optim::rate::cosine{.steps = 2000}, or "
                  "[](std::int64_t step) { return 1.0 / static_cast<double>(step); }");

public:
    scheduled(Optimizer rule, Rate rate) : rule_{std::move(rule)}, rate_{std::move(rate)} {}

    int slots() const { return rule_.slots(); }

    /// @throws usage_error  when that learning rate makes no sense
    template <std::floating_point T>
    auto at(std::int64_t step) const {
        Optimizer now = rule_;
        now.learning_rate = learning_rate(step);
        now.check();
        return now.template at<T>(step);
    }

    /// The learning rate of step `step`.
    /// @throws usage_error  when it is negative or not finite
    double learning_rate(std::int64_t step) const {
        double const now = rule_.learning_rate * static_cast<double>(rate_(step));
        if (now >= 0 && std::isfinite(now)) return now;
        tutti::detail::raise<usage_error>({"tutti: optim::scheduled: the learning rate of step ", step, " is ",
                                           detail::to_text(now)});
    }

    /// Those of the optimiser and of the schedule, as far as they show them.
    std::vector<double> settings() const {
        std::vector<double> all;
        auto append = [&](auto const& of) {
            if constexpr (requires { of.settings(); })
                for (double const each : of.settings()) all.push_back(each);
        };
        append(rule_), append(rate_);
        return all;
    }

    void check() const {
        rule_.check();
        if constexpr (requires { rate_.check(); }) rate_.check();
        (void)learning_rate(1);
    }

private:
    Optimizer rule_;
    Rate rate_;
};

}  // namespace tutti::optim
