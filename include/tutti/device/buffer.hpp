#pragma once

#include <tutti/concepts/device_span.hpp>
#include <tutti/concepts/elements.hpp>
#include <tutti/detail/cuda.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

namespace tutti {

/// Owns `size` elements in the memory of the device that is current when it is made; move-only. Needs CUDA's runtime, and no nvcc.
template <class T>
class device_buffer {
    static_assert(std::is_trivially_copyable_v<T>, "tutti: device_buffer<T>: elements in device memory must be trivially copyable");

public:
    using value_type = T;

    device_buffer() = default;
    /// Elements that are not initialised.
    /// @throws error  when the device has no room, or there is none
    explicit device_buffer(std::size_t size) : size_{size} {
        if (size > SIZE_MAX / sizeof(T)) detail::raise<usage_error>({"tutti: device_buffer: no memory has ", size, " elements"});
        void* data = nullptr;
        if (size != 0) detail::check_cuda(cudaMalloc(&data, size * sizeof(T)), "cudaMalloc");
        data_ = static_cast<T*>(data);
    }
    /// A copy of elements on the host.
    explicit device_buffer(std::span<T const> from) : device_buffer(from.size()) {
        if (size_ == 0) return;
        detail::check_cuda(cudaMemcpy(data_, from.data(), size_ * sizeof(T), cudaMemcpyHostToDevice), "cudaMemcpy");
        detail::check_cuda(cudaStreamSynchronize(nullptr), "cudaStreamSynchronize");  // the last bytes may still be on their way
    }
    device_buffer(device_buffer&& other) noexcept
        : data_{std::exchange(other.data_, nullptr)},
          size_{std::exchange(other.size_, 0)} {}
    device_buffer& operator=(device_buffer&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~device_buffer() {
        if (data_) cudaFree(data_);
    }

    T* data() { return data_; }
    T const* data() const { return data_; }
    std::size_t size() const { return size_; }
    device_span<T> span() { return {data_, size_}; }
    device_span<T const> span() const { return {data_, size_}; }

private:
    T* data_ = nullptr;
    std::size_t size_ = 0;
};

namespace detail {

template <class T>
inline constexpr bool is_on_device<device_buffer<T>> = true;

}  // namespace detail

/// `to` holds the elements of `from`; at least one of them is on a device, and what was in `stream` before is over. Local.
/// @throws usage_error  when they have different sizes;  error  with CUDA's text
template <elements_anywhere From, elements_anywhere To>
    requires(device_elements<From> || device_elements<To>)
void copy(From const& from, To&& to, cudaStream_t stream = nullptr) {
    using T = element_t<From>;
    detail::require_element<T>();
    detail::require_writable<To>();
    detail::require_same_elements<T, element_t<To>>();
    detail::check_size("copy", "the output", detail::size_of(to), detail::size_of(from));
    if (detail::size_of(from) == 0) return;
    detail::check_cuda(
        cudaMemcpyAsync(detail::bytes_of(to), detail::data_of(from), detail::size_of(from) * sizeof(T), cudaMemcpyDefault, stream),
        "cudaMemcpyAsync");
    detail::check_cuda(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
}

}  // namespace tutti
