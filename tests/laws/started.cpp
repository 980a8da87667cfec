#include "backends.hpp"
#include "elements.hpp"

#include <tutti/collectives/all_gather.hpp>
#include <tutti/collectives/all_reduce.hpp>
#include <tutti/collectives/barrier.hpp>
#include <tutti/collectives/broadcast.hpp>
#include <tutti/concepts/pending.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

static_assert(!std::is_copy_constructible_v<tutti::pending> && std::is_nothrow_move_constructible_v<tutti::pending>);

namespace {

/// Elements of every rank, by turn of the program: `n` of them on every rank.
std::vector<std::int32_t> brought(int rank, int turn, std::size_t n) {
    std::vector<std::int32_t> x(n);
    for (std::size_t i = 0; i < n; ++i) x[i] = (rank + 1) * 1000 + turn * 10 + static_cast<std::int32_t>(i % 10);
    return x;
}
std::int32_t sum_of_brought(int ranks, int turn, std::size_t i) {
    return 1000 * ranks * (ranks + 1) / 2 + ranks * (turn * 10 + static_cast<std::int32_t>(i % 10));
}

void wait_by_polling(tutti::pending& running) {
    while (!running.ready()) std::this_thread::yield();
}

}  // namespace

TEST_CASE_TEMPLATE("a started collective gives what the blocking one gives", T, std::int8_t, double, laws::three_bytes,
                   laws::matrix) {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        int const p = world.size(), r = world.rank();
        for (std::size_t const n : laws::sizes(p, 1009)) {
            std::vector<T> mine(n), folded(n), in_place, gathered(n * static_cast<std::size_t>(p)), sent;
            for (std::size_t i = 0; i < n; ++i) mine[i] = laws::value<T>(r, i);
            sent = in_place = mine;
            tutti::start_all_reduce(world, mine, folded, laws::combine{}).wait();
            tutti::start_all_reduce(world, in_place, laws::combine{}).wait();
            tutti::start_all_gather(world, mine, gathered).wait();
            tutti::start_broadcast(world, sent, p - 1).wait();
            tutti::start_barrier(world).wait();
            expect.all(
                folded, [&](std::size_t i) { return laws::folded<T>(p, i); }, "all_reduce");
            expect.all(
                in_place, [&](std::size_t i) { return laws::folded<T>(p, i); }, "all_reduce in place");
            expect.all(
                gathered, [&](std::size_t i) { return laws::value<T>(static_cast<int>(i / n), i % n); }, "all_gather");
            expect.all(
                sent, [&](std::size_t i) { return laws::value<T>(p - 1, i); }, "broadcast");
        }
    });
}

TEST_CASE("several collectives in flight, waited for in another order and mixed with blocking calls, give their own results") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        int const p = world.size(), r = world.rank();
        for (std::size_t const n : {std::size_t{3}, std::size_t{2000}}) {
            auto first = brought(r, 1, n), second = brought(r, 2, 7), third = brought(r, 3, n), fourth = brought(r, 4, n);
            std::vector<std::int32_t> gathered(7 * static_cast<std::size_t>(p));
            auto one = tutti::start_all_reduce(world, first);
            auto two = tutti::start_all_gather(world, second, gathered);
            auto three = tutti::start_broadcast(world, third, p / 2);
            expect.equal(tutti::all_reduce(world, r), p * (p - 1) / 2, "a blocking call among started ones");
            auto four = tutti::start_all_reduce(world, fourth);
            auto five = tutti::start_barrier(world);
            five.wait(), three.wait(), one.wait(), four.wait(), two.wait();
            expect.all(
                first, [&](std::size_t i) { return sum_of_brought(p, 1, i); }, "first");
            expect.all(
                gathered, [&](std::size_t i) { return brought(static_cast<int>(i / 7), 2, 7)[i % 7]; }, "second");
            expect(third == brought(p / 2, 3, n), "third");
            expect.all(
                fourth, [&](std::size_t i) { return sum_of_brought(p, 4, i); }, "fourth");
        }
    });
}

TEST_CASE("a random program of started and blocking calls, waited for in an order of each rank's own, gives every result") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        int const p = world.size(), r = world.rank();
        std::mt19937 shared{2024}, own{static_cast<unsigned>(r)};
        struct flight {
            tutti::pending running;
            std::vector<std::int32_t> data;
            int turn, root;  // root -1: a sum
        };
        std::vector<flight> flying;
        auto land = [&](std::size_t which) {
            flight& each = flying[which];
            if (own() % 2) each.running.wait();
            else wait_by_polling(each.running);
            if (each.root < 0)
                expect.all(
                    each.data, [&](std::size_t i) { return sum_of_brought(p, each.turn, i); },
                    "sum of turn " + std::to_string(each.turn));
            else
                expect(each.data == brought(each.root, each.turn, each.data.size()),
                       "broadcast of turn " + std::to_string(each.turn));
            flying.erase(flying.begin() + static_cast<std::ptrdiff_t>(which));
        };
        for (int turn = 0; turn < 60; ++turn) {
            std::size_t const n = shared() % 4 == 0 ? 1500 : shared() % 20;
            int const root = static_cast<int>(shared() % 2 == 0 ? shared() % static_cast<unsigned>(p) : ~0u);
            auto data = brought(r, turn, n);
            if (shared() % 4 == 0) {
                tutti::all_reduce(world, data);
                expect.all(
                    data, [&](std::size_t i) { return sum_of_brought(p, turn, i); },
                    "blocking sum of turn " + std::to_string(turn));
            } else {
                auto running = root < 0 ? tutti::start_all_reduce(world, data) : tutti::start_broadcast(world, data, root);
                flying.push_back(
                    {std::move(running), std::move(data), turn, root});  // a moved vector keeps its elements where they are
            }
            while (!flying.empty() && own() % 3 == 0) land(own() % flying.size());
        }
        while (!flying.empty()) land(own() % flying.size());
    });
}

TEST_CASE("polling ready() completes a collective, and then it stays ready") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        for (std::size_t const n : {std::size_t{0}, std::size_t{5}, std::size_t{3000}}) {
            auto data = brought(world.rank(), 6, n);
            auto running = tutti::start_all_reduce(world, data);
            wait_by_polling(running);
            expect.all(
                data, [&](std::size_t i) { return sum_of_brought(world.size(), 6, i); }, "sum");
            expect(running.ready(), "ready again");
            running.wait();
            running.wait();
        }
        std::vector<tutti::pending> all;
        std::vector<std::vector<std::int32_t>> data;
        for (int turn = 0; turn < 4; ++turn) data.push_back(brought(world.rank(), turn, 400));
        for (auto& each : data) all.push_back(tutti::start_all_reduce(world, each));
        while (!std::all_of(all.rbegin(), all.rend(), [](auto& each) { return each.ready(); })) std::this_thread::yield();
        for (int turn = 0; turn < 4; ++turn)
            expect.all(
                data[static_cast<std::size_t>(turn)], [&](std::size_t i) { return sum_of_brought(world.size(), turn, i); },
                "polled from the last to the first");
    });
}

TEST_CASE("dropping or overwriting a pending waits for it") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        for (std::size_t const n : {std::size_t{5}, std::size_t{3000}}) {
            auto dropped = brought(world.rank(), 1, n), overwritten = brought(world.rank(), 2, n),
                 last = brought(world.rank(), 3, n);
            { auto const running = tutti::start_all_reduce(world, dropped); }
            expect.all(
                dropped, [&](std::size_t i) { return sum_of_brought(world.size(), 1, i); }, "dropped");
            auto running = tutti::start_all_reduce(world, overwritten);
            running = tutti::start_all_reduce(world, last);
            expect.all(
                overwritten, [&](std::size_t i) { return sum_of_brought(world.size(), 2, i); }, "overwritten");
            tutti::pending moved{std::move(running)};
            moved.wait();
            expect.all(
                last, [&](std::size_t i) { return sum_of_brought(world.size(), 3, i); }, "moved");
        }
        tutti::pending none;
        expect(none.ready(), "a pending without a collective is ready");
        none.wait();
    });
}

TEST_CASE("a started all_reduce keeps its operation") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        std::vector<std::uint64_t> x(700, static_cast<std::uint64_t>(world.rank()) + 2);
        auto start = [&] {
            std::vector<std::uint64_t> const modulus(1000, 101);  // on the heap, and gone before the wait
            return tutti::start_all_reduce(world, x,
                                           [modulus](std::uint64_t a, std::uint64_t b) { return a * b % modulus[a % 1000]; });
        };
        auto running = start();
        running.wait();
        std::uint64_t product = 2;
        for (int k = 1; k < world.size(); ++k) product = product * static_cast<std::uint64_t>(k + 2) % 101;
        expect.all(
            x, [&](std::size_t) { return product; }, "product modulo 101");
    });
}
