#pragma once

#include <tutti/concepts/memory_space.hpp>

#include <cstddef>
#include <type_traits>

namespace tutti {

/// `size` elements in a device's memory, owned by somebody else: what std::span is to the host's. It is no range, so no code on the
/// host walks over it by mistake.
template <class T>
class device_span {
public:
    using element_type = T;
    using value_type = std::remove_cv_t<T>;

    constexpr device_span() = default;
    /// @pre  [data, data + size) is memory of the device that the rank works on, or managed memory
    constexpr device_span(T* data, std::size_t size) : data_{data}, size_{size} {}
    // A template: were it none, it would be the copy constructor of the others, and they would have no other.
    template <class U>
        requires(std::is_const_v<T> && std::is_same_v<U, value_type>)
    constexpr device_span(device_span<U> const& other) : data_{other.data()}, size_{other.size()} {}

    constexpr T* data() const { return data_; }
    constexpr std::size_t size() const { return size_; }
    constexpr std::size_t size_bytes() const { return size_ * sizeof(T); }
    constexpr bool empty() const { return size_ == 0; }
    /// @pre  first + count <= size()
    constexpr device_span subspan(std::size_t first, std::size_t count) const { return {data_ + first, count}; }

private:
    T* data_ = nullptr;
    std::size_t size_ = 0;
};

namespace detail {

template <class T>
inline constexpr bool is_on_device<device_span<T>> = true;
template <class T>
inline constexpr bool is_device_view<device_span<T>> = true;

}  // namespace detail
}  // namespace tutti
