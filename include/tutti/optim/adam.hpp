#pragma once

#include <tutti/optim/common.hpp>

#include <array>
#include <cmath>
#include <concepts>
#include <cstdint>

namespace tutti::optim {
namespace detail {

/// One step of Adam. `l2` is added to the gradient; `shrink` multiplies the parameter before it moves (AdamW).
template <std::floating_point T>
struct adam_update {
    T rate, beta1, beta2, root_correction, epsilon, l2, shrink;

    constexpr void operator()(T& x, T gradient, T& mean, T& square) const {
        T const g = gradient + l2 * x;
        mean = without_subnormals(beta1 * mean + (1 - beta1) * g);
        square = without_subnormals(beta2 * square + (1 - beta2) * g * g);
        x = shrink * x - rate * mean / (std::sqrt(square) * root_correction + epsilon);
    }
};

template <std::floating_point T, class Settings>
adam_update<T> adam_at(Settings const& settings, std::int64_t step, double l2, double shrink) {
    auto const t = static_cast<double>(step);
    return {.rate = static_cast<T>(settings.learning_rate / (1 - std::pow(settings.beta1, t))),
            .beta1 = static_cast<T>(settings.beta1),
            .beta2 = static_cast<T>(settings.beta2),
            .root_correction = static_cast<T>(1 / std::sqrt(1 - std::pow(settings.beta2, t))),
            .epsilon = static_cast<T>(settings.epsilon),
            .l2 = static_cast<T>(l2),
            .shrink = static_cast<T>(shrink)};
}

template <class Settings>
void check_adam(char const* who, Settings const& settings) {
    check_setting(who, "learning_rate", settings.learning_rate, 0);
    check_setting(who, "beta1", settings.beta1, 0, 1, true);
    check_setting(who, "beta2", settings.beta2, 0, 1, true);
    check_setting(who, "epsilon", settings.epsilon, 0);
    check_setting(who, "weight_decay", settings.weight_decay, 0);
}

}  // namespace detail

/// Adam: steps scaled by running means of the gradient and of its square, both corrected for their start at 0. Weight decay
/// is L2, added to the gradient.
/// Cost:   state: two numbers per parameter
/// Source: Kingma and Ba 2015, arXiv:1412.6980, algorithm 1
struct adam {
    double learning_rate = 0.001;  ///< >= 0
    double beta1 = 0.9;            ///< in [0, 1): memory of the gradient
    double beta2 = 0.999;          ///< in [0, 1): memory of its square
    double epsilon = 1e-8;         ///< >= 0
    double weight_decay = 0;       ///< >= 0

    int slots() const { return 2; }

    template <std::floating_point T>
    detail::adam_update<T> at(std::int64_t step) const {
        return detail::adam_at<T>(*this, step, weight_decay, 1);
    }

    std::array<double, 5> settings() const { return {learning_rate, beta1, beta2, epsilon, weight_decay}; }

    void check() const { detail::check_adam("optim::adam", *this); }
};

}  // namespace tutti::optim
