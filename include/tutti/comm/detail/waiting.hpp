#pragma once

#include <tutti/comm/detail/bell.hpp>
#include <tutti/comm/detail/processor.hpp>
#include <tutti/detail/least_chrono.hpp>
#include <tutti/detail/least_standard.hpp>

#include <thread>

namespace tutti::detail {

/// What a rank has started and moves on while it waits for something else.
class background {
public:
    /// Never waits for a peer, and does not throw. Returns whether anything is left to move on.
    virtual bool work() = 0;

protected:
    ~background() = default;
};

/// A test of any type, which lives elsewhere.
class condition {
public:
    template <class Test>
    explicit condition(Test const& of) : of_{&of}, holds_{[](void const* it) { return (*static_cast<Test const*>(it))(); }} {}
    bool operator()() const { return holds_(of_); }

private:
    void const* of_;
    bool (*holds_)(void const*);
};

/// How the ranks of a group wait: how long they spin, yield and sleep.
struct waiting {
    using clock = std::chrono::steady_clock;

    int spins = 1000;                                              // at most
    clock::duration yielding = std::chrono::milliseconds{2};       // from when the wait began; zero: not at all
    clock::duration longest_sleep = std::chrono::milliseconds{2};  // for what does not ring: what happens in other groups

    /// Spinning ranks need a core each.
    [[gnu::cold]] static waiting of(int ranks) {
        waiting usual;
        if (static_cast<unsigned>(ranks) > std::thread::hardware_concurrency()) usual.spins = 0;
        return usual;
    }
};

/// How one rank waits: by what it has learnt of the cores from waits that took long.
struct habits {
    using clock = waiting::clock;

    int spins = 0;          // while a peer shares this rank's core, spinning keeps it from coming
    unsigned long_waits = 0;
    int without_yield = 0;  // waits to come: while other programs want the core, who yields gets it back late, who sleeps soon
    int distrust = 0;       // how many those are, more each time that yields are tried in vain

    /// The first part of any wait. Returns whether `ready()`.
    template <class Ready>
    bool spin(Ready const& ready) const {
        for (int left = spins; left > 0; --left) {
            if (ready()) return true;
            relax();
        }
        return ready();
    }

    /// The second part: yields, then sleeps on `rung`, until `ready()`, or else until `stop()` or the deadline. Returns whether
    /// `ready()`, which is looked at after `stop`: a call that can complete does, whatever has failed since.
    /// @param behind  moved on meanwhile, if any
    [[gnu::cold]] bool wait(waiting const& how, bell& rung, condition ready, condition stop, clock::time_point start,
                            clock::time_point deadline, background* behind) {
        constexpr clock::duration slow = std::chrono::microseconds{300}, shortest_nap = std::chrono::microseconds{50},
                                  longest_nap = std::chrono::milliseconds{1};
        // What was learnt is tried anew now and then, rarely enough to cost little.
        spins = ++long_waits % 64 == 0 ? how.spins : std::max(spins / 2, how.spins / 64);
        bool yields = without_yield == 0 && how.yielding != clock::duration::zero();
        if (without_yield != 0) --without_yield;
        for (auto now = clock::now();;) {
            bool const more = behind && behind->work();
            bool const stopped = stop();
            if (ready()) {
                if (yields) distrust /= 2;
                return true;
            }
            if (stopped || now >= deadline) return false;
            if (yields) {
                auto const before = now;
                for (int i = 0; i < 16 && !ready() && now - before < slow; ++i) std::this_thread::yield(), now = clock::now();
                if (now - before >= slow) without_yield = distrust = std::min(2 * distrust + 16, 1000);
                yields = without_yield == 0 && now - start < how.yielding;
            } else {  // what is under way needs this rank now and then: in naps that are short beside the time waited so far
                clock::duration const nap = std::min(std::max((now - start) / 32, shortest_nap), longest_nap);
                rung.sleep([&] { return ready() || stop(); }, std::min(more ? nap : how.longest_sleep, deadline - now));
                now = clock::now();
            }
        }
    }
};

}  // namespace tutti::detail
