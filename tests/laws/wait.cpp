#include "backends.hpp"
#include "elements.hpp"

#include <tutti/collectives/all_gather.hpp>
#include <tutti/collectives/all_reduce.hpp>
#include <tutti/collectives/barrier.hpp>
#include <tutti/collectives/broadcast.hpp>
#include <tutti/collectives/exclusive_scan.hpp>
#include <tutti/collectives/gather.hpp>
#include <tutti/collectives/messages.hpp>
#include <tutti/collectives/reduce.hpp>
#include <tutti/collectives/scan.hpp>
#include <tutti/collectives/wait.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

template <class... Started>
concept can_wait_for = requires(Started&&... started) {
    tutti::wait_all(std::forward<Started>(started)...);
};
static_assert(can_wait_for<tutti::pending&, tutti::pending&> && can_wait_for<std::vector<tutti::pending>&>);
static_assert(!can_wait_for<tutti::pending, tutti::pending>);  // started among the arguments

TEST_CASE("wait_all returns when all started calls are complete, given by name or as a range") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        if (!world.can_start_messages()) return;
        int const p = world.size(), r = world.rank();
        for (std::size_t const n : {std::size_t{3}, std::size_t{3000}}) {
            std::vector<int> a(n, r), b(n, r + 1), c(n, r);
            auto adding = tutti::start_all_reduce(world, a), more = tutti::start_all_reduce(world, b);
            auto sending = tutti::start_broadcast(world, c, p - 1);
            tutti::wait_all(sending, adding, more);
            expect.all(
                a, [&](std::size_t) { return p * (p - 1) / 2; }, "first");
            expect.all(
                b, [&](std::size_t) { return p * (p + 1) / 2; }, "second");
            expect.all(
                c, [&](std::size_t) { return p - 1; }, "third");
            std::vector<tutti::pending> all;
            std::vector<std::vector<int>> data(5, std::vector<int>(n, r));
            for (auto& each : data) all.push_back(tutti::start_all_reduce(world, each));
            tutti::wait_all(all);
            for (auto const& each : data)
                expect.all(
                    each, [&](std::size_t) { return p * (p - 1) / 2; }, "of a range");
            tutti::wait_all(std::vector<tutti::pending>{});
            tutti::wait_all();
        }
    });
}

TEST_CASE("wait_any gives each of several started calls once") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        if (!world.can_start_messages()) return;
        int const p = world.size(), r = world.rank();
        std::size_t const n = 700;
        std::vector<std::vector<int>> data;
        std::vector<tutti::pending> all;
        std::vector<int> which;
        for (int k = 0; k < 6; ++k) data.emplace_back(n, r + k), which.push_back(k);
        for (auto& each : data) all.push_back(tutti::start_all_reduce(world, each));
        while (!all.empty()) {
            std::size_t const at = tutti::wait_any(all);
            int const k = which[at];
            expect.all(
                data[static_cast<std::size_t>(k)], [&](std::size_t) { return p * (p - 1) / 2 + k * p; }, "sum");
            all.erase(all.begin() + static_cast<std::ptrdiff_t>(at));
            which.erase(which.begin() + static_cast<std::ptrdiff_t>(at));
        }
        expect.template throws<tutti::usage_error>([&] { (void)tutti::wait_any(all); }, {"wait_any", "nothing"}, "none");
        tutti::barrier(world);
    });
}

TEST_CASE("wait_any returns for the message that comes, not for the one before it in the range") {
    laws::on_threads({2, 3, 5}, [](auto& world, laws::expectation const& expect) {
        std::vector<int> one(1, 1), other(1, 1), go(1);
        if (world.rank() == 0) {
            std::vector<tutti::pending> all;
            all.push_back(tutti::start_receive(world, one, 1));
            std::vector<int> x(2000, 1);
            all.push_back(tutti::start_all_reduce(world, x));
            expect.equal(tutti::wait_any(all), std::size_t{1}, "the collective is complete first");
            tutti::send(world, go, 1);
            all.pop_back();
            expect.equal(tutti::wait_any(all), std::size_t{0}, "then the message");
        } else {
            std::vector<int> x(2000, 1);
            tutti::all_reduce(world, x);
            if (world.rank() != 1) return;
            tutti::receive(world, go, 0);
            std::this_thread::sleep_for(std::chrono::milliseconds{10});  // long enough for naps
            tutti::send(world, other, 0);
        }
    });
}

TEST_CASE("wait_all waits for all before it throws the first error") {
    laws::on_threads({2}, [](auto& world, laws::expectation const& expect) {
        std::vector<float> good(5, 1.f), bad(world.rank() == 0 ? 3 : 4);
        auto adding = tutti::start_all_reduce(world, good);
        auto message = world.rank() == 0 ? tutti::start_send(world, bad, 1) : tutti::start_receive(world, bad, 0);
        expect.template throws<tutti::collective_mismatch>([&] { tutti::wait_all(message, adding); }, {"3 x float"}, "error");
        expect((message.ready() && adding.ready()), "both have ended");
    });
}

TEST_CASE("single values may be started in place") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        if (!world.can_start_messages()) return;
        int const p = world.size(), r = world.rank();
        int sum = r, sent = r, least = r + 3, upto = r + 1, before = r + 1, mine = 2 * r;
        std::vector<int> all(static_cast<std::size_t>(p)), at_root = all;
        auto a = tutti::start_all_reduce(world, sum);
        auto b = tutti::start_broadcast(world, sent, p - 1);
        auto c = tutti::start_reduce(world, least, 0, tutti::minimum{});
        auto d = tutti::start_scan(world, upto);
        auto e = tutti::start_exclusive_scan(world, before, 100);
        auto f = tutti::start_all_gather(world, mine, all);
        auto g = tutti::start_gather(world, mine, at_root, p - 1);
        tutti::wait_all(g, f, e, d, c, b, a);
        expect.equal(sum, p * (p - 1) / 2, "all_reduce");
        expect.equal(sent, p - 1, "broadcast");
        expect.equal(least, r == 0 ? 3 : r + 3, "reduce");
        expect.equal(upto, (r + 1) * (r + 2) / 2, "scan");
        expect.equal(before, 100 + r * (r + 1) / 2, "exclusive_scan");
        expect.all(
            all, [](std::size_t k) { return 2 * static_cast<int>(k); }, "all_gather");
        if (r == p - 1) expect(at_root == all, "gather");
    });
}

TEST_CASE_TEMPLATE("a started exclusive_scan gives what the blocking one gives, by waiting, polling and dropping", T, std::int8_t,
                   double, laws::affine, laws::matrix) {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        if (!world.can_start_messages()) return;
        T const init = laws::value<T>(20, 3);
        for (std::size_t const n : laws::sizes(world.size(), 2003))
            for (int form = 0; form < 3; ++form) {
                std::vector<T> in(n), out(n);
                for (std::size_t i = 0; i < n; ++i) in[i] = laws::value<T>(world.rank(), i);
                {
                    auto running = tutti::start_exclusive_scan(world, in, out, init, laws::combine{});
                    if (form == 0) running.wait();
                    while (form == 1 && !running.ready()) std::this_thread::yield();
                }
                expect.all(
                    out,
                    [&](std::size_t i) {
                        return world.rank() == 0 ? init : laws::combine{}(init, laws::folded<T>(world.rank(), i));
                    },
                    "start_exclusive_scan");
            }
    });
}
