#pragma once

#include <tutti/comm/detail/bell.hpp>
#include <tutti/concepts/call.hpp>
#include <tutti/detail/least_chrono.hpp>
#include <tutti/detail/least_standard.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

namespace tutti::detail {

/// Ends the process, and with it the job, when one call takes longer than the timeout: a call that waits inside another library
/// cannot be left by an exception. A call notes itself by a few stores; a thread looks at them now and then.
class watchdog {
public:
    [[gnu::cold]] watchdog(std::string who, std::chrono::milliseconds timeout)
        : who_{std::move(who)},
          timeout_{timeout},
          thread_{[this] { watch(); }} {}
    watchdog(watchdog const&) = delete;
    watchdog& operator=(watchdog const&) = delete;
    [[gnu::cold]] ~watchdog() {
        over_ = true;
        bell_.ring();
        thread_.join();
    }

    std::chrono::milliseconds timeout() const { return timeout_; }

    /// Watches one call for as long as it lives. Calls do not nest.
    class watched {
    public:
        [[gnu::always_inline]] watched(watchdog& by, call const& what) : by_{by} {
            by_.type_.store(what.type, std::memory_order_relaxed);
            by_.count_.store(what.count, std::memory_order_relaxed);
            by_.kind_.store(what.kind, std::memory_order_relaxed);
            by_.turn_.store(by_.turn_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
        }
        watched(watched const&) = delete;
        watched& operator=(watched const&) = delete;
        [[gnu::always_inline]] ~watched() { by_.turn_.store(by_.turn_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }

    private:
        watchdog& by_;
    };

private:
    using clock = std::chrono::steady_clock;

    void watch() {
        auto const tick = std::min(std::max<clock::duration>(timeout_ / 8, std::chrono::milliseconds{1}), clock::duration{std::chrono::seconds{1}});
        std::uint64_t seen = 0;
        auto since = clock::now();
        while (!over_) {
            bell_.sleep([this] { return over_.load(); }, tick);
            auto const turn = turn_.load(std::memory_order_acquire);
            bool const inside = turn % 2 == 1;
            if (!inside || turn != seen) seen = turn, since = clock::now();
            else if (clock::now() - since >= timeout_) bite();
        }
    }
    [[noreturn, gnu::cold]] void bite() const {
        call const what{.kind = kind_.load(std::memory_order_relaxed),
                        .type = type_.load(std::memory_order_relaxed),
                        .count = count_.load(std::memory_order_relaxed)};
        std::fprintf(stderr, "tutti: %s timed out on %s after %lld ms: a peer did not come; this ends the job\n",
                     describe(what).c_str(), who_.c_str(), static_cast<long long>(timeout_.count()));
        std::fflush(stderr);
        std::_Exit(1);
    }

    std::string who_;
    std::chrono::milliseconds timeout_;
    alignas(64) std::atomic<std::uint64_t> turn_{0};  // odd while a call is under way
    std::atomic<element_type const*> type_{nullptr};
    std::atomic<std::size_t> count_{0};
    std::atomic<collective> kind_{collective::none};
    alignas(64) std::atomic<bool> over_{false};
    bell bell_;
    std::thread thread_;
};

}  // namespace tutti::detail
