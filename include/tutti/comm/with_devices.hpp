#pragma once

#include <tutti/collectives/execute.hpp>
#include <tutti/comm/launch.hpp>
#include <tutti/comm/nccl.hpp>
#include <tutti/comm/threads.hpp>
#include <tutti/concepts/call.hpp>
#include <tutti/concepts/communicator.hpp>
#include <tutti/concepts/memory_space.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <concepts>
#include <span>
#include <string>

namespace tutti::comm {

/// Reaches both memories: what is in the host's travels over `Host`, what is in a device's over NCCL, by the same calls. What trains
/// models in device memory. Where a call goes is in the types of what it moves; ranks that differ in it are told so.
/// One object per rank, used by that rank alone. Algorithms by name, and started calls, are the host's alone: the latter are
/// performed at once.
/// @tparam Host     over which ranks meet: `threads`, or `mpi`
/// @tparam Devices  made as `nccl` is
/// Errors: as those of the two. What NCCL has no collective, element or operation for is refused when it is called.
/// Not tested on a device yet.
template <class Host, class Devices = nccl>
class with_devices {
public:
    /// The ranks of `host`, each with a device. Collective.
    /// @param host  outlives this object, and is used through it
    /// @throws as `nccl` does
    explicit with_devices(Host& host, nccl_options const& options = {}) : host_{&host}, devices_{host, options} {}
    with_devices(with_devices const&) = delete;
    with_devices& operator=(with_devices const&) = delete;

    int rank() const { return host_->rank(); }
    int size() const { return host_->size(); }
    static constexpr bool reaches(memory_space where) {
        return where == memory_space::device || tutti::reaches<Host>(memory_space::host);
    }
    Host& host() { return *host_; }
    Devices& devices() { return devices_; }
    /// In which calls that move device memory are enqueued, and the updates of a trainer.
    auto stream() const { return devices_.stream(); }

    void perform(call const& what) {
        if (what.where == memory_space::device) devices_.perform(as_compared(what));
        else detail::perform(*host_, what);
    }
    template <collective Kind, class T, class Operation>
    void perform(call const& what) {
        if (what.where == memory_space::device) devices_.perform(as_compared(what));
        else detail::perform<Kind, T, Operation>(*host_, what);
    }

    /// Compares the call with the peers'. Collective.
    /// @throws usage_error  for a schedule on device memory
    void announce(call const& what) {
        if (what.where == memory_space::device)
            detail::raise<usage_error>(
                {"tutti: ", describe(what), ": a schedule folds and copies on the host: leave the algorithm out"});
        host_->announce(what);
    }
    void exchange(std::span<message const> round, call const& what) {
        if (what.where == memory_space::device) devices_.exchange(round, what);
        else host_->exchange(round, what);
    }
    /// Ends the group, on both.
    void abort(std::string const& text) { devices_.abort(text); }

    /// Runs `body(world)` on ranks of `Host`, each with a device; threads are as many as devices, unless the options say otherwise.
    template <class Body>
    static void launch(launch_options const& options, Body&& body) {
        launch_options with = options;
        if constexpr (std::same_as<Host, threads>)
            if (!options.ranks) with.ranks = Devices::devices();
        Host::launch(with, [&](Host& host) {
            with_devices world{host, {.timeout = options.timeout}};
            body(world);
        });
    }

private:
    /// Marked by an algorithm, which a device's calls do not have otherwise: ranks compare calls by all but `where`.
    static call as_compared(call what) {
        what.algorithm = algorithm_id::own;
        return what;
    }

    Host* host_;
    Devices devices_;
};

}  // namespace tutti::comm
