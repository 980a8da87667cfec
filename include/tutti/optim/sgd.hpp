#pragma once

#include <tutti/optim/common.hpp>

#include <array>
#include <concepts>
#include <cstdint>

namespace tutti::optim {

/// Stochastic gradient descent, with momentum and weight decay:
///     g += weight_decay * x;  v = momentum * v + g;  x -= learning_rate * (nesterov ? g + momentum * v : v)
/// Cost:   state: one number per parameter with momentum, none without
/// Source: Sutskever, Martens, Dahl and Hinton 2013 (momentum and Nesterov's form of it, as deep learning libraries write it)
struct sgd {
    double learning_rate = 0.01;  ///< >= 0
    double momentum = 0;          ///< in [0, 1)
    bool nesterov = false;        ///< needs momentum
    double weight_decay = 0;      ///< >= 0; L2, added to the gradient

    template <std::floating_point T>
    struct update {
        T learning_rate, momentum, weight_decay;
        bool nesterov;

        constexpr void operator()(T& x, T gradient) const { x -= learning_rate * decayed(gradient, x); }
        constexpr void operator()(T& x, T gradient, T& velocity) const {
            T const g = decayed(gradient, x);
            velocity = detail::without_subnormals(momentum * velocity + g);
            x -= learning_rate * (nesterov ? g + momentum * velocity : velocity);
        }
        constexpr T decayed(T gradient, T x) const { return weight_decay != 0 ? gradient + weight_decay * x : gradient; }
    };

    int slots() const { return momentum != 0 ? 1 : 0; }

    template <std::floating_point T>
    update<T> at(std::int64_t /*step*/) const {
        return {static_cast<T>(learning_rate), static_cast<T>(momentum), static_cast<T>(weight_decay), nesterov};
    }

    std::array<double, 4> settings() const { return {learning_rate, momentum, nesterov ? 1.0 : 0.0, weight_decay}; }

    void check() const {
        detail::check_setting("optim::sgd", "learning_rate", learning_rate, 0);
        detail::check_setting("optim::sgd", "momentum", momentum, 0, 1, true);
        detail::check_setting("optim::sgd", "weight_decay", weight_decay, 0);
        if (nesterov && momentum == 0) throw usage_error{"tutti: optim::sgd: nesterov needs a momentum above 0"};
    }
};

}  // namespace tutti::optim
