#pragma once

#include <tutti/optim/adam.hpp>

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
    double weight_decay = 0.01;    ///< >= 0

    int slots() const { return 2; }

    template <std::floating_point T>
    detail::adam_update<T> at(std::int64_t step) const {
        return detail::adam_at<T>(*this, step, 0, 1 - learning_rate * weight_decay);
    }

    void check() const { detail::check_adam("optim::adamw", *this); }
};

}  // namespace tutti::optim
