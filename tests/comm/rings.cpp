// Who sleeps looks up every few milliseconds, so a ring that is forgotten would only make calls slow. Here sleepers look up only
// after 20 seconds, and each test has one of them wait for one thing alone: nothing else rings before it has come.
#include <tutti/comm/detail/watchdog.hpp>
#include <tutti/tutti.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <thread>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

using namespace std::chrono_literals;
using tutti::comm::threads;
using tutti::detail::shared_group;
using tutti::detail::shared_rank;
using tutti::detail::thread_group;

namespace {

constexpr auto long_after = 20s, soon = 8s;
constexpr tutti::detail::waiting asleep{.spins = 0, .yielding = {}, .longest_sleep = long_after};
constexpr tutti::call nothing{.kind = tutti::collective::barrier};

/// Long enough for peers to fall asleep; where it is not, a test shows nothing.
void let_sleep() { std::this_thread::sleep_for(50ms); }

/// True when `sleeper`, which is called as rank 0 by a thread of its own, returns soon after `others` are called on the other ranks'
/// threads, which stay until then.
template <class Sleeper, class... Others>
bool wakes(Sleeper sleeper, Others... others) {
    thread_group group{1 + static_cast<int>(sizeof...(Others)), 10min};
    group.wait_as(asleep);
    std::atomic<bool> awake{false};
    auto const start = std::chrono::steady_clock::now();
    std::vector<std::thread> all;
    auto run = [&](auto body) {
        all.emplace_back([&, body, rank = static_cast<int>(all.size())] {
            threads world{group, rank};
            if (rank != 0) let_sleep();
            try {
                body(group, world);
            } catch (std::exception const& problem) {
                FAIL_CHECK(problem.what());
            }
            if (rank == 0) awake = true;
            while (!awake) std::this_thread::sleep_for(1ms);
        });
    };
    run(sleeper);
    (run(others), ...);
    for (auto& each : all) each.join();
    return std::chrono::steady_clock::now() - start < soon;
}

void meet(thread_group&, threads& world) { tutti::barrier(world); }
void stay_away(thread_group&, threads&) {}
template <class Error>
void meet_in_vain(thread_group&, threads& world) {
    CHECK_THROWS_AS(tutti::barrier(world), Error);
}
template <int to>
void send_to(thread_group&, threads& world) {
    tutti::send(world, std::vector<int>{7}, to);
}
template <int from>
void receive_from(thread_group&, threads& world) {
    std::vector<int> got{0};
    tutti::receive(world, got, from);
    CHECK(got[0] == 7);
}

}  // namespace

TEST_CASE("who waits for a rank to come is woken when it arrives") { CHECK(wakes(meet, meet)); }

TEST_CASE("who waits for a rank to be done with its data is woken when it is") {
    auto const sum = [](thread_group&, threads& world) {
        std::vector<int> x(1000, 1);
        auto const slowly = [rank = world.rank()](int a, int b) {
            thread_local bool begun = false;
            if (rank != 0 && !std::exchange(begun, true)) let_sleep();
            return a + b;
        };
        tutti::all_reduce(world, x, slowly);
        CHECK(x == std::vector<int>(1000, 2));
    };
    CHECK(wakes(sum, sum));
}

TEST_CASE("who waits for a rank is woken when it leaves") {
    CHECK(wakes(meet_in_vain<tutti::peer_failed>, [](thread_group& group, threads&) { group.leave(1); }));
}

TEST_CASE("who waits for a rank is woken when another ends the group") {
    auto const abort = [](thread_group&, threads& world) { world.abort("enough"); };
    CHECK(wakes(meet_in_vain<tutti::peer_failed>, stay_away, abort));
}

TEST_CASE("who waits for a rank to say what it calls is woken when it has") {
    // Objects that differ and describe the same type, as shared libraries may have them: the call is a match in the end.
    tutti::element_type const type = tutti::element_type_of<int>, same = type;
    int const one = 1;
    auto const broadcast = [&](tutti::element_type const& as, auto before) {
        return [&, before](thread_group& group, threads& world) {
            shared_rank mine{group, world.rank()};
            tutti::call what{.kind = tutti::collective::broadcast, .type = &as, .count = 1, .root = 0};
            what.in = reinterpret_cast<std::byte const*>(&one);
            auto const sequence = mine.publish(what);
            before();
            mine.meet(what, sequence);
        };
    };
    auto const at_once = [] {};
    auto const in_a_while = [] { std::this_thread::sleep_for(100ms); };
    CHECK(wakes(broadcast(type, at_once), broadcast(same, in_a_while)));
}

TEST_CASE("who receives is woken when the message is posted") { CHECK(wakes(receive_from<1>, send_to<0>)); }

TEST_CASE("who sends is woken when the message is taken") { CHECK(wakes(send_to<1>, receive_from<0>)); }

TEST_CASE("a sleeper for whom nobody rings looks up when its group was told to, in parts of the group too") {
    tutti::detail::waiting often = asleep;
    often.longest_sleep = 300ms;
    thread_group whole{2, 10min};
    whole.wait_as(often);
    thread_group part{whole, {0, 1}};
    for (thread_group* group : {&whole, &part}) {
        bool slept = false;
        for (int attempt = 0; attempt < 20 && !slept; ++attempt) {  // who does not get to sleep in time does not have to look up
            std::atomic<bool> looked{false}, there{false};
            std::thread quiet{[&] {
                while (!looked) std::this_thread::yield();
                let_sleep(), there = true;
            }};
            auto const start = std::chrono::steady_clock::now();
            group->await(0, 1, 1, nothing, [&] { return looked = true, there.load(); });
            auto const waited = std::chrono::steady_clock::now() - start;
            slept = waited > 200ms;
            CHECK(waited < soon);
            quiet.join();
        }
        CHECK(slept);
    }
}

TEST_CASE("a watchdog goes when its owner does, not when it would have looked next") {
    auto const start = std::chrono::steady_clock::now();
    for (int k = 0; k < 20; ++k) {  // each looks every second
        tutti::detail::watchdog const idle{"a test", 10min};
        let_sleep();
    }
    CHECK(std::chrono::steady_clock::now() - start < soon);
}

#if defined(__linux__)
TEST_CASE("a process that sleeps in memory which it shares with another is woken by it") {
    std::size_t const bytes = shared_group::bytes(2);
    void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(memory != MAP_FAILED);
    auto const group_here = [&] { return shared_group{2, 10min, static_cast<std::byte*>(memory)}; };
    shared_group group = group_here();
    group.make();
    group.wait_as(asleep);
    auto const start = std::chrono::steady_clock::now();
    pid_t const peer = fork();
    if (peer == 0) {
        shared_group there = group_here();
        shared_rank mine{there, 1};
        let_sleep();
        mine.publish(nothing);
        _exit(0);
    }
    REQUIRE(peer > 0);
    shared_rank mine{group, 0};
    mine.meet(nothing, mine.publish(nothing));
    CHECK(std::chrono::steady_clock::now() - start < soon);
    int status = -1;
    CHECK(waitpid(peer, &status, 0) == peer);
    CHECK(status == 0);
    munmap(memory, bytes);
}
#endif
