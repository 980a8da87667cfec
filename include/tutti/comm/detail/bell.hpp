#pragma once

#include <tutti/detail/least_chrono.hpp>
#include <tutti/detail/least_standard.hpp>

#include <atomic>
#include <cstdint>
#include <thread>

#if defined(__linux__) && defined(__LP64__)    // with 32 bits the kernel's times may be others than the library's
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#endif

namespace tutti::detail {

/// On which ranks of a host sleep until its owner rings: threads, or processes that share the memory it is in. Where the system has
/// no futex they nap.
class bell {
public:
    /// Wakes who sleeps. What they wait for is stored before, sequentially consistent: then none misses it.
    /// Cost:   one load where nobody sleeps
    void ring() {
        if (sleepers_.load(std::memory_order_seq_cst) != 0) [[unlikely]] wake();
    }

    /// Returns when the bell rings, when `ready()`, or after `longest`, whichever is first; or for no reason.
    template <class Ready>
    [[gnu::cold]] void sleep(Ready ready, std::chrono::nanoseconds longest) {
        auto const rung = rung_.load(std::memory_order_seq_cst);
        sleepers_.fetch_add(1, std::memory_order_seq_cst);
        if (!ready()) wait_while(rung, longest);
        sleepers_.fetch_sub(1, std::memory_order_seq_cst);
    }

private:
#if defined(FUTEX_WAIT)
    void* word() { return &rung_; }
    template <class = void>
    void wait_while(std::uint32_t rung, std::chrono::nanoseconds longest) {
        timespec const least{static_cast<time_t>(longest.count() / 1'000'000'000), static_cast<long>(longest.count() % 1'000'000'000)};
        syscall(SYS_futex, word(), FUTEX_WAIT, rung, &least, nullptr, 0);
    }
    [[gnu::cold]] void wake() {
        rung_.fetch_add(1, std::memory_order_seq_cst);
        syscall(SYS_futex, word(), FUTEX_WAKE, 0x7fffffff, nullptr, nullptr, 0);
    }
#else
    template <class = void>
    void wait_while(std::uint32_t rung, std::chrono::nanoseconds longest) {
        constexpr std::chrono::nanoseconds longest_nap = std::chrono::milliseconds{10};
        std::chrono::nanoseconds nap = std::chrono::microseconds{50};
        for (; longest.count() > 0 && rung_.load(std::memory_order_seq_cst) == rung; longest -= nap) {
            nap = std::min(longest, std::min(2 * nap, longest_nap));
            std::this_thread::sleep_for(nap);
        }
    }
    void wake() { rung_.fetch_add(1, std::memory_order_seq_cst); }
#endif

    std::atomic<std::uint32_t> rung_{0}, sleepers_{0};
};

}  // namespace tutti::detail
