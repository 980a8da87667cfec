#pragma once

#include <cstdint>
#include <type_traits>

namespace tutti {

/// Where elements lie. Ranges lie in host memory; what lies in a device's says so in its type.
enum class memory_space : std::uint8_t { host, device };

namespace detail {

template <class Range>
inline constexpr bool is_on_device = false;
/// Whether such elements belong to somebody else, and outlive what says where they are.
template <class Range>
inline constexpr bool is_device_view = false;

}  // namespace detail

/// Elements in a device's memory, side by side: a `device_span` or `device_buffer`. Code on the host must not look at them.
template <class Range>
concept device_elements = detail::is_on_device<std::remove_cvref_t<Range>>;

namespace detail {

template <class Range>
inline constexpr memory_space space_of = device_elements<Range> ? memory_space::device : memory_space::host;

}  // namespace detail

/// Whether a communicator moves elements that lie there. One that does not say, by `static constexpr bool reaches(memory_space)`,
/// reaches the host's memory alone.
template <class Comm>
constexpr bool reaches(memory_space where) {
    if constexpr (requires { Comm::reaches(where); }) return Comm::reaches(where);
    else return where == memory_space::host;
}

namespace detail {

/// True; an error that says so where a communicator does not reach the elements.
template <class Comm, class Range>
constexpr bool within_reach() {
    static_assert(!device_elements<Range> || reaches<Comm>(memory_space::device),
                  "tutti: this communicator does not reach device memory: call it on tutti::comm::nccl, or copy to the host where "
                  "you mean to, as tutti::copy does; see tutti/concepts/memory_space.hpp");
    static_assert(device_elements<Range> || reaches<Comm>(memory_space::host),
                  "tutti: this communicator reaches device memory alone, and these elements are in the host's: give it a "
                  "tutti::device_span, or call it on the communicator that it was made from; see tutti/concepts/memory_space.hpp");
    return true;
}

}  // namespace detail
}  // namespace tutti
