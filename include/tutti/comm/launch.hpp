#pragma once

#include <tutti/detail/least_chrono.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <concepts>
#include <optional>
#include <type_traits>

namespace tutti {

/// How a group of ranks is started.
struct launch_options {
    std::optional<int> ranks{};  ///< how many, >= 1; empty: the launcher's, or the communicator's default
    std::chrono::milliseconds timeout = std::chrono::minutes{10};  ///< longest wait for a peer in one call
    bool detachable = false;  ///< MPI is asked to let two threads of a process call it, which all calls pay for; see `detaches`
};

/// Runs `body(world)` on every rank of a new group and returns when all have ended.
/// @throws  usage_error when the number of ranks or the timeout is not positive; nothing is started then
/// @throws  what ended the group: the exception of the rank that failed first. The other ranks got `peer_failed`.
template <class Comm, class Body>
void launch(launch_options const& options, Body&& body) {
    static_assert(
        std::invocable<Body&, Comm&>,
        "tutti: launch<Comm>(body): body cannot be called with the world, for what errors above say; else, it must take the world by "
        "reference, as in [](auto& world) { ... }: a communicator is not copied");
    if (options.ranks && *options.ranks < 1)
        detail::raise<usage_error>({"tutti: launch needs at least 1 rank, not ", *options.ranks});
    if (options.timeout.count() <= 0)
        detail::raise<usage_error>({"tutti: launch needs a positive timeout, not ", options.timeout.count(), " ms"});
    if constexpr (std::invocable<Body&, Comm&>) Comm::launch(options, body);
}

/// Runs `body(world)` on `ranks` ranks.
template <class Comm, class Body>
void launch(int ranks, Body&& body) {
    tutti::launch<Comm>(launch_options{.ranks = ranks}, body);
}

/// Runs `body(world)` on as many ranks as the launcher says or, for threads, `TUTTI_RANKS`, else the number of cores.
template <class Comm, class Body>
void launch(Body&& body) {
    tutti::launch<Comm>(launch_options{}, body);
}

namespace detail {

template <class Body>
void launch_on_nothing() {
    static_assert(!std::is_same_v<Body, Body>,
                  "tutti: launch needs to know the communicator, as in tutti::launch<tutti::comm::threads>(ranks, body)");
}

template <class Body>
void launch_the_wrong_way_round() {
    static_assert(!std::is_same_v<Body, Body>,
                  "tutti: launch takes the body last, as in tutti::launch<tutti::comm::threads>(ranks, body)");
}

/// Not an argument of `launch` that goes before the body.
template <class Body>
concept only_a_body = !std::is_convertible_v<Body, int> && !std::is_convertible_v<Body, launch_options const&>;

}  // namespace detail

// With the body first, or without a communicator: so that the message says what is wrong.
template <class Comm, detail::only_a_body Body>
void launch(Body&& /*body*/, launch_options const& /*options*/) {
    detail::launch_the_wrong_way_round<Body>();
}
template <class Comm, detail::only_a_body Body>
void launch(Body&& /*body*/, int /*ranks*/) {
    detail::launch_the_wrong_way_round<Body>();
}
template <class Body>
void launch(launch_options const& /*options*/, Body&& /*body*/) {
    detail::launch_on_nothing<Body>();
}
template <class Body>
void launch(int /*ranks*/, Body&& /*body*/) {
    detail::launch_on_nothing<Body>();
}
template <class Body>
void launch(Body&& /*body*/) {
    detail::launch_on_nothing<Body>();
}

}  // namespace tutti
