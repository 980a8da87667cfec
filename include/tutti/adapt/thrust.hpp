#pragma once

#include <tutti/concepts/device_span.hpp>

#include <thrust/device_vector.h>
#include <thrust/execution_policy.h>
#include <thrust/for_each.h>
#include <thrust/iterator/zip_iterator.h>
#include <thrust/tuple.h>

#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

// Slow to compile: 2 s by g++, 17 s by nvcc. Include it in few files.
namespace tutti::adapt {

/// The elements of a Thrust vector, for tutti: in device memory where Thrust's device system is CUDA, else, as for CPP and OMP, on
/// the host.
template <class T, class Allocator>
auto span_of(thrust::device_vector<T, Allocator>& vector) {
#if THRUST_DEVICE_SYSTEM == THRUST_DEVICE_SYSTEM_CUDA
    return device_span<T>{thrust::raw_pointer_cast(vector.data()), vector.size()};
#else
    return std::span<T>{thrust::raw_pointer_cast(vector.data()), vector.size()};
#endif
}

namespace detail {

/// An optimiser's update of what a zip iterator gives.
template <class Update, class T>
struct zipped_update {
    Update update;
    T scale;

    template <class Tuple>
    constexpr void operator()(Tuple&& all) const {
        at(all, std::make_index_sequence<static_cast<std::size_t>(thrust::tuple_size<std::decay_t<Tuple>>::value) - 2>{});
    }
    template <class Tuple, std::size_t... Slot>
    constexpr void at(Tuple& all, std::index_sequence<Slot...>) const {
        update(thrust::get<0>(all), scale * thrust::get<1>(all), thrust::get<Slot + 2>(all)...);
    }
};

}  // namespace detail

/// `tutti::update_on_device` by Thrust, on whatever `policy` runs on: thrust::device, thrust::host, thrust::cuda::par.on(stream).
/// Local.
/// The same numbers by simpler means, and so what the kernel is compared with; on a device it moves 4 bytes at a time.
/// @pre  all point to `count` elements that the policy's system reaches
template <class Policy, class Update, std::floating_point T, std::same_as<T>... Slots>
void update(Policy const& policy, Update const& update, T scale, std::size_t count, T* parameters, T const* gradients,
            Slots*... slots) {
    auto const first = thrust::make_zip_iterator(thrust::make_tuple(parameters, gradients, slots...));
    thrust::for_each_n(policy, first, count, detail::zipped_update<Update, T>{update, scale});
}

}  // namespace tutti::adapt
