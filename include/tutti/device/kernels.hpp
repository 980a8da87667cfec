#pragma once

#include <tutti/concepts/device_span.hpp>
#include <tutti/concepts/optimizer.hpp>
#include <tutti/detail/cuda.hpp>
#include <tutti/device/update.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace tutti {
namespace detail {

/// What worker `first` of `workers` does, each of which takes every workers-th element.
template <class T>
constexpr void multiply_share(std::size_t first, std::size_t workers, T factor, std::size_t count, T* x) {
    for (std::size_t i = first; i < count; i += workers) x[i] *= factor;
}
template <class T>
constexpr void add_share(std::size_t first, std::size_t workers, T weight, std::size_t count, T const* x, T* sums) {
    for (std::size_t i = first; i < count; i += workers) sums[i] += weight * x[i];
}
/// Each adds to a sum of its own, so that the order is the same in every run.
template <class T>
constexpr void square_share(std::size_t first, std::size_t workers, std::size_t count, T const* x, double* sums) {
    double sum = sums[first];
    for (std::size_t i = first; i < count; i += workers) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
    sums[first] = sum;
}

#ifdef __CUDACC__
template <class T>
__global__ void multiply_kernel(T factor, std::size_t count, T* x) {
    multiply_share(std::size_t{blockIdx.x} * blockDim.x + threadIdx.x, std::size_t{gridDim.x} * blockDim.x, factor, count, x);
}
template <class T>
__global__ void add_kernel(T weight, std::size_t count, T const* x, T* sums) {
    add_share(std::size_t{blockIdx.x} * blockDim.x + threadIdx.x, std::size_t{gridDim.x} * blockDim.x, weight, count, x, sums);
}
template <class T>
__global__ void square_kernel(std::size_t count, T const* x, double* sums) {
    square_share(std::size_t{blockIdx.x} * blockDim.x + threadIdx.x, std::size_t{gridDim.x} * blockDim.x, count, x, sums);
}

inline constexpr std::size_t kernel_threads = 256;  // of a block
/// Blocks for so many elements: at most some for each processor of the largest device.
inline unsigned kernel_blocks(std::size_t count) {
    constexpr std::size_t most = 4096;
    std::size_t const blocks = (count + kernel_threads - 1) / kernel_threads;
    return static_cast<unsigned>(blocks < most ? blocks : most);
}
#endif

}  // namespace detail

/// What a trainer computes with gradients of type T on a device, enqueued in `stream`. Like `update_on_device` declared everywhere
/// and defined where nvcc compiles it: a program that trains in device memory instantiates it, and `device_update`, in one .cu:
///     template struct tutti::device_arithmetic<float>;
///     template struct tutti::device_update<float, tutti::optim::sgd>;
/// Not tested on a device yet: the share of a thread is, on the host.
template <std::floating_point T>
struct device_arithmetic {
    static constexpr std::size_t workers = 8192;  ///< that sum squares, each by itself

    /// x *= factor
    static void multiply(cudaStream_t stream, device_span<T> x, T factor);
    /// sums += weight * x, element by element
    /// @pre  as many of each
    static void add(cudaStream_t stream, device_span<T> sums, device_span<T const> x, T weight);
    /// Adds the squares of x to `sums`, one for each of the workers.
    static void add_squares(cudaStream_t stream, device_span<T const> x, device_span<double> sums);
};

/// How an optimiser moves parameters of type T there.
template <std::floating_point T, class Optimizer>
struct device_update {
    using update = std::remove_cvref_t<decltype(std::declval<Optimizer const&>().template at<T>(std::int64_t{1}))>;

    /// As `update_on_device`, with the first `slots` of the two slots.
    /// @throws usage_error  when the optimiser has no update that takes so many
    static void move(cudaStream_t stream, update const& rule, int slots, T scale, device_span<T> parameters,
                     device_span<T const> gradients, device_span<T> first, device_span<T> second);
};

#ifdef __CUDACC__
template <std::floating_point T>
void device_arithmetic<T>::multiply(cudaStream_t stream, device_span<T> x, T factor) {
    if (x.empty()) return;
    detail::multiply_kernel<<<detail::kernel_blocks(x.size()), detail::kernel_threads, 0, stream>>>(factor, x.size(), x.data());
    detail::check_cuda(cudaGetLastError(), "a product on the device");
}
template <std::floating_point T>
void device_arithmetic<T>::add(cudaStream_t stream, device_span<T> sums, device_span<T const> x, T weight) {
    if (x.empty()) return;
    detail::add_kernel<<<detail::kernel_blocks(x.size()), detail::kernel_threads, 0, stream>>>(weight, x.size(), x.data(),
                                                                                               sums.data());
    detail::check_cuda(cudaGetLastError(), "a sum on the device");
}
template <std::floating_point T>
void device_arithmetic<T>::add_squares(cudaStream_t stream, device_span<T const> x, device_span<double> sums) {
    if (x.empty()) return;
    detail::square_kernel<<<workers / detail::kernel_threads, detail::kernel_threads, 0, stream>>>(x.size(), x.data(), sums.data());
    detail::check_cuda(cudaGetLastError(), "a sum of squares on the device");
}
template <std::floating_point T, class Optimizer>
void device_update<T, Optimizer>::move(cudaStream_t stream, update const& rule, int slots, T scale, device_span<T> parameters,
                                       device_span<T const> gradients, device_span<T> first, device_span<T> second) {
    detail::with_slots<update, T>(slots, first, second,
                               [&](auto... kept) { update_on_device(stream, rule, scale, parameters, gradients, kept...); });
}
#endif

}  // namespace tutti
