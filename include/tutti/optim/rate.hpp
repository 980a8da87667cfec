#pragma once

#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>
#include <tutti/optim/common.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <string>

/// Learning-rate schedules: functions of the optimiser step, counted from 1, to a factor on the learning rate. Any callable of
/// that form is one. Where it has them, `check()` throws usage_error for settings that make no sense, and `settings()` gives them
/// as numbers, which ranks compare.
namespace tutti::optim::rate {
namespace detail {

/// Linear from 1 / warm_up in step 1 to 1 in step `warm_up`, then 1.
inline double warmed(std::int64_t t, std::int64_t warm_up) {
    return t < warm_up ? static_cast<double>(t) / static_cast<double>(warm_up) : 1.0;
}

/// @throws usage_error  unless `value` >= `least`
inline void check_steps(char const* who, char const* which, std::int64_t value, std::int64_t least) {
    if (value < least)
        tutti::detail::raise<usage_error>({"tutti: optim::rate::", who, ": ", which, " = ", value, " must be at least ", least});
}

}  // namespace detail

/// The learning rate as it is, after a linear warm-up.
struct constant {
    std::int64_t warm_up = 0;  ///< steps, >= 0

    double operator()(std::int64_t t) const { return detail::warmed(t, warm_up); }

    std::array<double, 1> settings() const { return {static_cast<double>(warm_up)}; }

    void check() const { detail::check_steps("constant", "warm_up", warm_up, 0); }
};

/// Multiplies the learning rate by `factor` after every `period` steps.
struct step {
    std::int64_t period = 1000;  ///< steps, >= 1
    double factor = 0.1;         ///< in [0, 1]
    std::int64_t warm_up = 0;    ///< steps, >= 0

    double operator()(std::int64_t t) const {
        check();
        return detail::warmed(t, warm_up) * std::pow(factor, static_cast<double>((t - 1) / period));
    }

    std::array<double, 3> settings() const { return {static_cast<double>(period), factor, static_cast<double>(warm_up)}; }

    void check() const {
        detail::check_steps("step", "period", period, 1);
        detail::check_steps("step", "warm_up", warm_up, 0);
        optim::detail::check_setting("optim::rate::step", "factor", factor, 0, 1);
    }
};

/// Linear warm-up, then half a cosine from 1 down to `floor`, reached in step `steps` and kept.
/// Source: Loshchilov and Hutter 2017, arXiv:1608.03983, equation 5, without restarts
struct cosine {
    std::int64_t steps = 1000;  ///< of the whole training, > warm_up
    std::int64_t warm_up = 0;   ///< steps, >= 0
    double floor = 0;           ///< last factor, in [0, 1]

    double operator()(std::int64_t t) const {
        check();
        if (t < warm_up) return detail::warmed(t, warm_up);
        double const done = std::min(1.0, static_cast<double>(t - warm_up) / static_cast<double>(steps - warm_up));
        return floor + (1 - floor) * 0.5 * (1 + std::cos(std::numbers::pi * done));
    }

    std::array<double, 3> settings() const { return {static_cast<double>(steps), static_cast<double>(warm_up), floor}; }

    void check() const {
        detail::check_steps("cosine", "warm_up", warm_up, 0);
        if (steps <= warm_up)
            tutti::detail::raise<usage_error>({"tutti: optim::rate::cosine: steps = ", steps, " must exceed warm_up = ", warm_up});
        optim::detail::check_setting("optim::rate::cosine", "floor", floor, 0, 1);
    }
};

}  // namespace tutti::optim::rate
