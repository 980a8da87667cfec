#pragma once

#include <tutti/device/kernels.hpp>

#include <cstddef>

// What the kernels do, a worker after the other.

namespace tutti {

template <std::floating_point T>
void device_arithmetic<T>::multiply(cudaStream_t, device_span<T> x, T factor) {
    for (std::size_t k = 0; k < 7; ++k) detail::multiply_share(k, 7, factor, x.size(), x.data());
}
template <std::floating_point T>
void device_arithmetic<T>::add(cudaStream_t, device_span<T> sums, device_span<T const> x, T weight) {
    for (std::size_t k = 0; k < 3; ++k) detail::add_share(k, 3, weight, x.size(), x.data(), sums.data());
}
template <std::floating_point T>
void device_arithmetic<T>::add_squares(cudaStream_t, device_span<T const> x, device_span<double> sums) {
    for (std::size_t k = 0; k < workers; ++k) detail::square_share(k, workers, x.size(), x.data(), sums.data());
}
template <std::floating_point T, class Optimizer>
void device_update<T, Optimizer>::move(cudaStream_t, update const& rule, int slots, T scale, device_span<T> parameters,
                                       device_span<T const> gradients, device_span<T> first, device_span<T> second) {
    detail::with_slots<update, T>(slots, first, second, [&](auto... kept) {
        using one = detail::pack<T, 1>;
        for (std::size_t k = 0; k < 5; ++k)
            detail::update_share(k, 5, rule, scale, parameters.size(), reinterpret_cast<one*>(parameters.data()),
                                 reinterpret_cast<one const*>(gradients.data()), reinterpret_cast<one*>(kept.data())...);
    });
}

}  // namespace tutti
