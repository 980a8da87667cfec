#pragma once

#include <tutti/concepts/call.hpp>

#include <cstddef>
#include <exception>
#include <string>

namespace tutti::detail {

/// What a communicator of devices asks of the host's communicator that it was made from, with its type erased.
struct host_hooks {
    void* world;
    int ranks;
    void (*looks)(void* world, call const& what);
    void (*announces)(void* world, call const& what);
    void (*aborts)(void* world, std::string const& text);

    /// Throws what has ended the group, where the host knows.
    void look(call const& what) const { looks(world, what); }
    bool has_ended() const noexcept {
        try {
            look({});
            return false;
        } catch (...) { return true; }
    }
    /// Compares a call. What is small may travel along with what is compared: zeros, for what the host cannot read.
    void announce(call what) const {
        static constexpr std::byte zeros[4096]{};
        if (what.bytes() * static_cast<std::size_t>(brings_parts(what.kind) ? ranks : 1) <= sizeof zeros) what.in = zeros;
        announces(world, what);
    }
    void abort(std::string const& text) const { aborts(world, text); }
    /// The same, before an exception that says it is thrown.
    void tell(std::string const& text) const noexcept {
        try {
            abort(text);
        } catch (...) {}
    }
};

/// Those of `host`, which outlives them. One that cannot be asked whether the group has ended tells by other means.
template <class Host>
host_hooks hooks_of(Host& host) {
    return {.world = &host,
            .ranks = host.size(),
            .looks =
                [](void* world, call const& what) {
                    if constexpr (requires(Host& of) { of.look(what); }) static_cast<Host*>(world)->look(what);
                    else (void)world, (void)what;
                },
            .announces = [](void* world, call const& what) { static_cast<Host*>(world)->announce(what); },
            .aborts = [](void* world, std::string const& text) { static_cast<Host*>(world)->abort(text); }};
}

}  // namespace tutti::detail
