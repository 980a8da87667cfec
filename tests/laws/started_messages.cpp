#include "backends.hpp"
#include "elements.hpp"

#include <tutti/collectives/algorithm/recursive_doubling.hpp>
#include <tutti/collectives/algorithm/ring.hpp>
#include <tutti/collectives/all_reduce.hpp>
#include <tutti/collectives/barrier.hpp>
#include <tutti/collectives/messages.hpp>
#include <tutti/collectives/wait.hpp>
#include <tutti/comm/solo.hpp>
#include <tutti/comm/threads.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using laws::values;

static_assert(tutti::starts_messages<tutti::comm::solo> && tutti::starts_messages<tutti::comm::threads>);

namespace {

std::vector<int> numbered(int turn, std::size_t n) {
    std::vector<int> all(n);
    for (std::size_t i = 0; i < n; ++i) all[i] = turn * 100'000 + static_cast<int>(i);
    return all;
}

}  // namespace

TEST_CASE_TEMPLATE("started messages pass elements round a ring, whichever is started and waited for first", T, std::uint8_t,
                   double, laws::three_bytes, laws::matrix) {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        if (!world.can_start_messages()) return;
        int const p = world.size(), r = world.rank(), to = (r + 1) % p, from = (r + p - 1) % p;
        for (std::size_t const n : laws::sizes(p, 20'011)) {
            auto const out = values<T>(r, n), wanted = values<T>(from, n);
            std::vector<T> in(n), blank = in;
            auto both = tutti::start_exchange(world, out, to, in, from);
            both.wait();
            expect(in == wanted, "start_exchange");
            if (p == 1) continue;
            in = blank;
            auto sending = tutti::start_send(world, out, to);
            auto receiving = tutti::start_receive(world, in, from);
            receiving.wait(), sending.wait();
            expect(in == wanted, "send, then receive");
            in = blank;
            receiving = tutti::start_receive(world, in, from);
            sending = tutti::start_send(world, out, to);
            while (!sending.ready() || !receiving.ready()) std::this_thread::yield();
            expect(in == wanted, "receive, then send, by polling");
        }
    });
}

TEST_CASE("messages between two ranks arrive in the order of their calls, however many are in flight, started or not") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        if (!world.can_start_messages()) return;
        int const p = world.size(), r = world.rank();
        if (p == 1) return;
        constexpr int turns = 12;
        for (std::size_t const n : {std::size_t{0}, std::size_t{3}, std::size_t{4000}})
            for (int form = 0; form < 4; ++form) {
                bool const blocking_send = form % 2 == 1, blocking_receive = form / 2 == 1;
                if (r == 0) {
                    std::vector<std::vector<int>> data;
                    std::vector<tutti::pending> running;
                    for (int turn = 0; turn < turns; ++turn) data.push_back(numbered(turn, n));
                    for (int turn = 0; turn < turns; ++turn) {
                        auto const& each = data[static_cast<std::size_t>(turn)];
                        if (blocking_send && turn % 3 == 2) tutti::send(world, each, p - 1);
                        else running.push_back(tutti::start_send(world, each, p - 1));
                    }
                    while (!running.empty()) running.pop_back();  // waits, from the last to the first
                }
                if (r == p - 1) {
                    std::vector<std::vector<int>> data(turns, std::vector<int>(n));
                    std::vector<tutti::pending> running;
                    for (int turn = 0; turn < turns; ++turn) {
                        auto& each = data[static_cast<std::size_t>(turn)];
                        if (blocking_receive && turn % 4 == 3) tutti::receive(world, each, 0);
                        else running.push_back(tutti::start_receive(world, each, 0));
                    }
                    while (!running.empty()) running.pop_back();
                    for (int turn = 0; turn < turns; ++turn)
                        expect(data[static_cast<std::size_t>(turn)] == numbered(turn, n), "message " + std::to_string(turn));
                }
            }
    });
}

TEST_CASE("started messages need neither the rest of the group nor the collectives in flight") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        if (!world.can_start_messages() || !world.starts_at_once()) return;
        int const p = world.size(), r = world.rank();
        if (p == 1) return;
        for (std::size_t const n : {std::size_t{2}, std::size_t{3000}}) {
            // Only a message from rank 0 lets the ranks after 1 begin the collective that 0 and 1 have started before.
            std::vector<int> sum(n, r), out(n, r), in(n), go(1);
            tutti::pending adding;
            if (r > 1) tutti::receive(world, go, 0);
            adding = tutti::start_all_reduce(world, sum);
            if (r < 2) {
                auto both = tutti::start_exchange(world, out, 1 - r, in, 1 - r);
                both.wait();
                expect.all(
                    in, [&](std::size_t) { return 1 - r; }, "exchange");
            }
            for (int peer = 2; r == 0 && peer < p; ++peer) tutti::send(world, go, peer);
            adding.wait();
            expect.all(
                sum, [&](std::size_t) { return p * (p - 1) / 2; }, "sum");
        }
    });
}

TEST_CASE("a message started before a collective made by a schedule, and met after it, takes none of its messages") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        if (!world.can_start_messages()) return;
        int const p = world.size(), r = world.rank(), to = (r + 1) % p, from = (r + p - 1) % p;
        if (p == 1) return;
        for (std::size_t const n : {std::size_t{1}, std::size_t{3000}}) {
            // The ring's messages go the way of these, and are as long, so that they could be taken for one another.
            auto const out = numbered(r, n), wanted = numbered(from, n), second = numbered(p + from, n);
            auto add = [&](auto algorithm) {
                std::vector<int> sum(n * static_cast<std::size_t>(p), r);
                tutti::all_reduce(world, sum, std::plus<>{}, algorithm);
                expect.all(
                    sum, [&](std::size_t) { return p * (p - 1) / 2; }, "sum");
            };
            std::vector<int> in(n), more(n);
            auto receiving = tutti::start_receive(world, in, from), next = tutti::start_receive(world, more, from);
            add(tutti::algorithm::ring{});
            auto sending = tutti::start_send(world, out, to);
            add(tutti::algorithm::recursive_doubling{});
            receiving.wait();
            expect(in == wanted, "receive started before");
            add(tutti::algorithm::ring{});
            auto const last = numbered(p + r, n);
            auto both = tutti::start_exchange(world, last, to, in, from);
            add(tutti::algorithm::ring{});
            tutti::send(world, out, to);
            tutti::wait_all(sending, next, both);
            expect(more == second, "second receive, which meets an exchange");
            expect(in == wanted, "an exchange, which meets the last send");
        }
    });
}

TEST_CASE("what a rank has started moves on while it waits for something else") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        if (!world.can_start_messages()) return;
        int const p = world.size(), r = world.rank();
        if (p == 1) return;
        for (std::size_t const n : {std::size_t{2}, std::size_t{3000}}) {
            std::vector<int> in(n), more(n);
            auto const out = numbered(n == 2 ? 1 : 2, n);
            // Rank 1's send returns only once rank 0, which waits in the barrier by then, has taken the message.
            if (r == 0) {
                auto receiving = tutti::start_receive(world, in, 1);
                tutti::barrier(world);
                receiving.wait();
                expect(in == out, "message behind a barrier");
            } else {
                if (r == 1) tutti::send(world, out, 0);
                tutti::barrier(world);
            }
            // Rank 1 sends only once the collective is over, in which rank 0's share is done while it waits for the message.
            std::vector<int> sum(n, r + 1);
            auto adding = tutti::start_all_reduce(world, sum);
            if (r == 0) tutti::receive(world, in, 1);
            adding.wait();
            if (r == 1) tutti::send(world, out, 0);
            expect.all(
                sum, [&](std::size_t) { return p * (p + 1) / 2; }, "collective behind a message");
            // The same with a started message, and one of another peer behind it.
            std::fill(sum.begin(), sum.end(), r + 1);
            adding = tutti::start_all_reduce(world, sum);
            if (r == 0) {
                tutti::pending other;
                if (p > 2) other = tutti::start_receive(world, more, 2);
                auto receiving = tutti::start_receive(world, in, 1);
                receiving.wait();
            }
            if (r == 2) tutti::send(world, out, 0);
            adding.wait();
            if (r == 1) tutti::send(world, out, 0);
            if (r == 0) expect((in == out && (p == 2 || more == out)), "messages");
            expect.all(
                sum, [&](std::size_t) { return p * (p + 1) / 2; }, "collective behind a started message");
        }
    });
}

TEST_CASE("a random program of messages and collectives, waited for in an order of each rank's own, gives every result") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        if (!world.can_start_messages()) return;
        int const p = world.size(), r = world.rank();
        std::mt19937 shared{77}, own{static_cast<unsigned>(r) + 5};
        struct flight {
            tutti::pending running;
            std::vector<int> data, wanted;
        };
        std::vector<flight> flying;
        auto land = [&](std::size_t which) {
            flight& each = flying[which];
            if (own() % 2) each.running.wait();
            else
                while (!each.running.ready()) std::this_thread::yield();
            expect(each.data == each.wanted, "what was started");
            flying.erase(flying.begin() + static_cast<std::ptrdiff_t>(which));
        };
        auto below = [&](int n) { return static_cast<int>(shared() % static_cast<unsigned>(n)); };
        for (int turn = 0; turn < 120; ++turn) {
            std::size_t const n = below(4) == 0 ? 2500 : static_cast<std::size_t>(below(20));
            int const from = below(p), to = below(p), kind = below(4);
            bool const starts = own() % 4 != 0;
            auto data = numbered(turn, n), wanted = data;
            if (kind == 0) {
                for (int& each : wanted) each *= p;
                if (below(3) == 0) {
                    tutti::all_reduce(world, data);
                    expect(data == wanted, "a blocking sum");
                } else {
                    auto running = tutti::start_all_reduce(world, data);
                    flying.push_back({std::move(running), std::move(data), std::move(wanted)});
                }
            } else if (from != to && (r == from || r == to)) {
                if (r == to) data.assign(n, -1);
                if (starts) {
                    auto running = r == from ? tutti::start_send(world, data, to) : tutti::start_receive(world, data, from);
                    flying.push_back({std::move(running), std::move(data), std::move(wanted)});
                } else {
                    if (r == from) tutti::send(world, data, to);
                    else tutti::receive(world, data, from);
                    expect(data == wanted, "a blocking message");
                }
            }
            while (!flying.empty() && own() % 3 == 0) land(own() % flying.size());
        }
        while (!flying.empty()) land(own() % flying.size());
    });
}

TEST_CASE("a started message to no other rank is refused before anything is sent") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        if (!world.can_start_messages()) return;
        using tutti::usage_error;
        std::vector<int> data(3), more(3);
        for (int const peer : {-1, world.rank(), world.size()}) {
            expect.template throws<usage_error>([&] { (void)tutti::start_send(world, data, peer); }, {"send", "no peer"}, "send");
            expect.template throws<usage_error>([&] { (void)tutti::start_receive(world, data, peer); }, {"receive", "no peer"},
                                                "receive");
        }
        expect.template throws<usage_error>([&] { (void)tutti::start_exchange(world, data, -1, more, -1); }, {"exchange"},
                                            "exchange");
        tutti::barrier(world);
    });
}

TEST_CASE("started messages that do not fit, or whose peer leaves, fails or is late, tell who waits for them") {
    for (bool const polls : {false, true}) {
        auto finish = [polls](tutti::pending& running) {
            if (!polls) return running.wait();
            while (!running.ready()) std::this_thread::yield();
        };
        laws::on_threads({2, 3}, [&](auto& world, laws::expectation const& expect) {
            if (world.rank() == 2) return;
            std::vector<float> data(world.rank() == 0 ? 17 : 16);
            auto call = [&] {
                auto running = world.rank() == 0 ? tutti::start_send(world, data, 1) : tutti::start_receive(world, data, 0);
                finish(running);
            };
            expect.template throws<tutti::collective_mismatch>(call, {"17 x float", "16 x float"}, "mismatch");
        });
        laws::on_threads({3, 5}, [&](auto& world, laws::expectation const& expect) {
            if (world.rank() == 2) return;
            std::vector<float> data(8);
            auto call = [&] {
                auto running = tutti::start_receive(world, data, 2);
                finish(running);
            };
            expect.template throws<tutti::peer_failed>(call, {"rank 2 has left"}, "left");
        });
        std::atomic<int> told = 0;
        tutti::launch<tutti::comm::threads>({.ranks = 2, .timeout = 50ms}, [&](auto& world) {
            std::vector<float> data(80'000);
            if (world.rank() == 1) return std::this_thread::sleep_for(300ms);
            auto running = tutti::start_send(world, data, 1);
            try {
                finish(running);
            } catch (tutti::timeout_error const& error) {
                std::string const text = error.what();
                told += text.find("rank 1 did not come") != std::string::npos && text.find("send") != std::string::npos;
            }
        });
        CHECK(told == 1);
    }
}

TEST_CASE("an error of a started message that was dropped is thrown by the next call") {
    laws::on_threads({2}, [](auto& world, laws::expectation const& expect) {
        std::vector<float> data(world.rank() == 0 ? 17 : 16);
        if (world.rank() == 0) auto const dropped = tutti::start_send(world, data, 1);
        else auto const dropped = tutti::start_receive(world, data, 0);
        expect.template throws<tutti::collective_mismatch>([&] { tutti::barrier(world); }, {"17 x float"}, "next call");
    });
}
