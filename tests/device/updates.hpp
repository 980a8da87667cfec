#pragma once

#include <tutti/adapt/thrust.hpp>
#include <tutti/optim/adamw.hpp>
#include <tutti/optim/sgd.hpp>

#include <cstddef>
#include <vector>

/// A parameter of each kind, its gradients, and the state that an optimiser keeps, after some steps by Thrust.
template <class T>
struct trained {
    explicit trained(std::size_t count) : x(count), gradient(count), first(count), second(count) {
        for (std::size_t i = 0; i < count; ++i) {
            x[i] = static_cast<T>(static_cast<double>(i % 17) / 7 - 1);
            gradient[i] = static_cast<T>(static_cast<double>(i % 29) / 3 - 4);
        }
    }
    bool operator==(trained const&) const = default;

    std::vector<T> x, gradient, first, second;
};

inline constexpr int some_steps = 3;
inline constexpr std::size_t some_sizes[] = {0, 1, 3, 4, 5, 1023, 10007};

inline constexpr tutti::optim::sgd plain{.learning_rate = 0.1, .weight_decay = 0.01};
inline constexpr tutti::optim::sgd with_momentum{.learning_rate = 0.1, .momentum = 0.9, .weight_decay = 0.01};
inline constexpr tutti::optim::sgd with_nesterov{.learning_rate = 0.1, .momentum = 0.9, .nesterov = true};
inline constexpr tutti::optim::adamw adamw{.learning_rate = 0.01};

/// Calls `go(update, x, gradient, slots...)` with as many slots as the rule has: plain SGD none, AdamW two, else one.
template <int Slots, class Rule, class All, class Go>
void step_of(Rule const& rule, int step, All& of, Go go) {
    using T = typename decltype(of.x)::value_type;
    auto const update = rule.template at<T>(step);
    if constexpr (Slots == 0) go(update, of.x, of.gradient);
    else if constexpr (Slots == 1) go(update, of.x, of.gradient, of.first);
    else go(update, of.x, of.gradient, of.first, of.second);
}

template <int Slots, class T, class Rule>
trained<T> by_thrust(Rule const& rule, std::size_t count, T scale) {
    trained<T> all{count};
    for (int step = 1; step <= some_steps; ++step)
        step_of<Slots>(rule, step, all, [&](auto const& update, auto& x, auto& gradient, auto&... slots) {
            tutti::adapt::update(thrust::device, update, scale, count, x.data(), std::as_const(gradient).data(), slots.data()...);
        });
    return all;
}
