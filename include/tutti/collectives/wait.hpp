#pragma once

#include <tutti/concepts/pending.hpp>
#include <tutti/detail/least_chrono.hpp>
#include <tutti/error.hpp>

#include <concepts>
#include <cstddef>
#include <exception>
#include <ranges>
#include <thread>

namespace tutti {
namespace detail {

/// Waits; keeps the first error of several.
inline void wait_and_keep_error(pending& each, std::exception_ptr& first) {
    try {
        each.wait();
    } catch (...) {
        if (!first) first = std::current_exception();
    }
}

}  // namespace detail

/// A range of started calls, such as a vector of them.
template <class Range>
concept range_of_pendings = std::ranges::forward_range<Range> && std::same_as<std::ranges::range_reference_t<Range>, pending&>;

/// Returns when every one of the started calls is complete on this rank. Takes them by name: to start them among the arguments
/// would leave their order to the compiler. Local.
/// @throws  the first error that any of them throws, once all have ended
template <std::same_as<pending>... Pending>
void wait_all(Pending&... started) {
    std::exception_ptr error;
    (detail::wait_and_keep_error(started, error), ...);
    if (error) std::rethrow_exception(error);
}

/// The same for a range of them, empty or not.
template <range_of_pendings Range>
void wait_all(Range&& started) {
    std::exception_ptr error;
    for (pending& each : started) detail::wait_and_keep_error(each, error);
    if (error) std::rethrow_exception(error);
}

/// Returns the position of a started call that is complete on this rank, the first one of several; one that was complete before
/// counts too, so take it out of the range before the next call. Moves all of them on while it waits. Local.
/// @throws usage_error  when there is none to wait for;  as `wait` of the call that ended with an error
/// Cost:   yields at first, then naps of 0.1 ms, so that a long wait leaves the core to others
template <range_of_pendings Range>
[[nodiscard]] std::size_t wait_any(Range&& started) {
    if (std::ranges::empty(started)) throw usage_error{"tutti: wait_any: there is nothing to wait for"};
    auto const begun = std::chrono::steady_clock::now();
    for (;;) {
        std::size_t at = 0;
        for (pending& each : started) {
            if (each.ready()) return at;
            ++at;
        }
        if (std::chrono::steady_clock::now() - begun < std::chrono::milliseconds{2}) std::this_thread::yield();
        else std::this_thread::sleep_for(std::chrono::microseconds{100});
    }
}

}  // namespace tutti
