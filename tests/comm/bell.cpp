#include <tutti/comm/detail/bell.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>

using namespace std::chrono_literals;

// A ring that is missed leaves a sleeper asleep for longer than the test may take.
TEST_CASE("two threads that ring for each other in turn never miss a ring") {
    constexpr int turns = 20'000;
    tutti::detail::bell bells[2];
    std::atomic<int> turn{0};
    auto play = [&](int me) {
        for (int k = me; k < turns; k += 2) {
            while (turn.load() != k) bells[1 - me].sleep([&] { return turn.load() == k; }, 10min);
            turn.store(k + 1);
            bells[me].ring();
        }
    };
    std::thread other{play, 1};
    play(0);
    other.join();
    CHECK(turn == turns);
}

TEST_CASE("one ring wakes all who sleep") {
    tutti::detail::bell one;
    std::atomic<int> asleep{0}, awake{0};
    std::atomic<bool> rung{false};
    std::thread sleepers[3];
    for (auto& each : sleepers)
        each = std::thread{[&] {
            ++asleep;
            while (!rung) one.sleep([&] { return rung.load(); }, 10min);
            ++awake;
        }};
    while (asleep != 3) std::this_thread::yield();
    std::this_thread::sleep_for(20ms);    // by now all three sleep
    rung = true;
    one.ring();
    for (auto& each : sleepers) each.join();
    CHECK(awake == 3);
}

TEST_CASE("who sleeps wakes without a ring when the time is over, and does not begin to sleep when what it waits for is there") {
    tutti::detail::bell silent;
    int looks = 0;
    auto const start = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - start < 20ms) silent.sleep([&] { return ++looks, false; }, 5ms);
    CHECK(looks < 20);    // four, but for what wakes it without a reason: it did sleep
    silent.sleep([] { return true; }, 10min);
}
