#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace bench {

/// The sum of two threads' floats, in place, by the least that can do it: flags of one writer each, in cache lines of their own.
/// It checks nothing, spins for ever, and knows only two ranks and one operation: what a general library is measured against.
class raw_all_reduce {
public:
    /// Up to here the payload travels with the flag: one round. Above, each thread sums its half of both buffers: two rounds.
    /// Where the two take equally long when buffers stay in cache and only the calls touch them.
    static constexpr std::size_t eager_floats = 48;

    /// What the two threads share.
    class meeting_place {
        friend raw_all_reduce;
        struct alignas(64) letter {
            std::atomic<std::uint64_t> arrived{0};
            float* data = nullptr;
            float payload[eager_floats];
        };
        struct alignas(64) flag {
            std::atomic<std::uint64_t> value{0};
        };
        letter letters[2][2];  // by rank and parity of the call: a letter is read until its reader arrives in the next call
        flag done[2];
    };

    raw_all_reduce(meeting_place& shared, int rank) : shared_{shared}, me_{rank}, peer_{1 - rank} {}

    void operator()(float* x, std::size_t n) {
        ++call_;
        auto& mine = shared_.letters[me_][call_ % 2];
        auto const& theirs = shared_.letters[peer_][call_ % 2];
        bool const eager = n <= eager_floats;
        if (eager) std::memcpy(mine.payload, x, n * sizeof(float));
        else mine.data = x;
        mine.arrived.store(call_, std::memory_order_release);
        spin_until(theirs.arrived);
        if (eager) {
            for (std::size_t i = 0; i < n; ++i) x[i] += theirs.payload[i];
            return;
        }
        std::size_t const middle = std::min(n, (n / 2 + 15) / 16 * 16);  // halves meet on a cache line
        sum_both(x, theirs.data, me_ == 0 ? 0 : middle, me_ == 0 ? middle : n);
        shared_.done[me_].value.store(call_, std::memory_order_release);
        spin_until(shared_.done[peer_].value);
    }

private:
    void spin_until(std::atomic<std::uint64_t> const& flag) const {
        while (flag.load(std::memory_order_acquire) < call_) {
#if defined(__x86_64__)
            __builtin_ia32_pause();
#endif
        }
    }

    static void sum_both(float* __restrict a, float* __restrict b, std::size_t first, std::size_t last) {
        for (std::size_t i = first; i < last; ++i) a[i] = b[i] = a[i] + b[i];
    }

    meeting_place& shared_;
    int me_, peer_;
    std::uint64_t call_ = 0;
};

}  // namespace bench
