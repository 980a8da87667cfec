#pragma once

#include <tutti/error.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <string>

/// Learning-rate schedules: functions of the optimiser step, counted from 1, to a factor on the learning rate. Any callable of
/// that form is one.
namespace tutti::optim::rate {
namespace detail {

/// Linear from 1 / warm_up in step 1 to 1 in step `warm_up`, then 1.
inline double warmed(std::int64_t t, std::int64_t warm_up) {
    return t < warm_up ? static_cast<double>(t) / static_cast<double>(warm_up) : 1.0;
}

}  // namespace detail

/// The learning rate as it is, after a linear warm-up.
struct constant {
    std::int64_t warm_up = 0;  ///< steps

    double operator()(std::int64_t t) const { return detail::warmed(t, warm_up); }
};

/// Multiplies the learning rate by `factor` after every `period` steps.
struct step {
    std::int64_t period = 1000;  ///< steps, >= 1
    double factor = 0.1;
    std::int64_t warm_up = 0;  ///< steps

    double operator()(std::int64_t t) const {
        if (period < 1) throw usage_error{"tutti: optim::rate::step: period = " + std::to_string(period) + " must be at least 1"};
        return detail::warmed(t, warm_up) * std::pow(factor, static_cast<double>((t - 1) / period));
    }
};

/// Linear warm-up, then half a cosine from 1 down to `floor`, reached in step `steps` and kept.
/// Source: Loshchilov and Hutter 2017, arXiv:1608.03983, equation 5, without restarts
struct cosine {
    std::int64_t steps = 1000;  ///< of the whole training, > warm_up
    std::int64_t warm_up = 0;   ///< steps
    double floor = 0;           ///< last factor

    double operator()(std::int64_t t) const {
        if (steps <= warm_up)
            throw usage_error{"tutti: optim::rate::cosine: steps = " + std::to_string(steps) +
                              " must exceed warm_up = " + std::to_string(warm_up)};
        if (t < warm_up) return detail::warmed(t, warm_up);
        double const done = std::min(1.0, static_cast<double>(t - warm_up) / static_cast<double>(steps - warm_up));
        return floor + (1 - floor) * 0.5 * (1 + std::cos(std::numbers::pi * done));
    }
};

}  // namespace tutti::optim::rate
