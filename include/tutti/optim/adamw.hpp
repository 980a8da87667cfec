#pragma once

#include <tutti/optim/adam.hpp>

#include <array>
#include <concepts>
#include <cstdint>

namespace tutti::optim {

/// Adam whose weight decay does not pass through the running means: parameters shrink by learning_rate * weight_decay each step.
/// Cost:   state: two numbers per parameter
/// Source: Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2
struct adamw {
    double learning_rate = 0.001;  ///< >= 0
    double beta1 = 0.9;            ///< in [0, 1): memory of the gradient
    double beta2 = 0.999;          ///< in [0, 1): memory of its square
    double epsilon = 1e-8;         ///< >= 0
    double weight_decay = 0.01;    ///< >= 0, and at most 1 / learning_rate: parameters shrink, and do not change their sign

    int slots() const { return 2; }

    template <std::floating_point T>
    detail::adam_update<T> at(std::int64_t step) const {
        return detail::adam_at<T>(*this, step, 0, 1 - learning_rate * weight_decay);
    }

    std::array<double, 5> settings() const { return {learning_rate, beta1, beta2, epsilon, weight_decay}; }

    void check() const {
        detail::check_adam("optim::adamw", *this);
        detail::check_setting("optim::adamw", "learning_rate * weight_decay", learning_rate * weight_decay, 0, 1);
    }
};

}  // namespace tutti::optim
