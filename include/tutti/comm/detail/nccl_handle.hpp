#pragma once

#include <tutti/detail/least_chrono.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <nccl.h>

#include <algorithm>
#include <string>
#include <thread>
#include <utility>

namespace tutti::detail {

/// Waits until `over()`, which may throw, at most `timeout`: spins, then naps that are short beside the time waited so far.
/// @return  false  when time is up
template <class Over>
bool wait_at_most(std::chrono::milliseconds timeout, Over over) {
    using clock = std::chrono::steady_clock;
    using std::chrono::microseconds;
    auto const start = clock::now();
    for (;;) {
        if (over()) return true;
        auto const waited = clock::now() - start;
        if (waited >= timeout) return over();
        if (waited > microseconds{200})
            std::this_thread::sleep_for(
                std::min<clock::duration>(std::max<clock::duration>(waited / 32, microseconds{20}), microseconds{1000}));
        else std::this_thread::yield();
    }
}

/// A communicator of NCCL that never blocks: what it is asked for goes on until `state` is no longer ncclInProgress.
class nccl_handle {
public:
    nccl_handle() = default;
    nccl_handle(nccl_handle const&) = delete;
    nccl_handle& operator=(nccl_handle const&) = delete;
    ~nccl_handle() { abort(); }

    /// Begins to make it. All ranks of the group do so, each with its device current.
    /// @return  what NCCL says: a failure leaves nothing behind
    ncclResult_t begin(ncclUniqueId const& id, int rank, int size) {
        ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
        config.blocking = 0;
        return ncclCommInitRankConfig(&comm_, size, id, rank, &config);
    }

    /// What has become of the last call, or of one that was under way: asynchronous errors too.
    ncclResult_t state() const {
        if (!comm_) return ncclInvalidUsage;
        ncclResult_t now = ncclInternalError;
        ncclResult_t const asked = ncclCommGetAsyncError(comm_, &now);
        return asked == ncclSuccess ? now : asked;
    }

    /// An error in NCCL's words, with the last one that it noted.
    [[gnu::cold]] std::string text(ncclResult_t code) const {
        std::string whole = ncclGetErrorString(code);
        char const* const last = ncclGetLastError(comm_);
        if (last && *last) append(whole, {": ", last});
        return whole;
    }

    /// Lets go of it once all that was enqueued is over; what is not after `timeout`, or when `hopeless()`, is aborted.
    template <class Hopeless>
    void finish(std::chrono::milliseconds timeout, Hopeless hopeless) noexcept {
        if (!comm_) return;
        ncclResult_t const begun = ncclCommFinalize(comm_);
        bool const well = begun == ncclSuccess || begun == ncclInProgress;
        if (!well || !wait_at_most(timeout, [&] { return state() != ncclInProgress || hopeless(); }) || state() != ncclSuccess)
            return abort();
        ncclCommDestroy(std::exchange(comm_, nullptr));
    }
    /// Ends what is under way on this rank, without waiting for the peers.
    void abort() noexcept {
        if (comm_) ncclCommAbort(std::exchange(comm_, nullptr));
    }

    bool alive() const { return comm_ != nullptr; }
    ncclComm_t get() const { return comm_; }

private:
    ncclComm_t comm_ = nullptr;
};

}  // namespace tutti::detail
