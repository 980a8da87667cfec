#include "backends.hpp"
#include "elements.hpp"

#include <tutti/collectives/barrier.hpp>
#include <tutti/collectives/messages.hpp>
#include <tutti/comm/threads.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

TEST_CASE_TEMPLATE("exchange passes elements round a ring, a rank with itself included", T, std::uint8_t, double, laws::three_bytes,
                   laws::matrix) {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        int const p = world.size(), r = world.rank();
        for (std::size_t const n : laws::sizes(p, 20'011))
            for (int const distance : {1, p - 1}) {
                std::vector<T> out(n), in(n);
                for (std::size_t i = 0; i < n; ++i) out[i] = laws::value<T>(r, i);
                int const from = (r + p - distance) % p;
                tutti::exchange(world, out, (r + distance) % p, in, from);
                expect.all(in, [&](std::size_t i) { return laws::value<T>(from, i); }, "exchange");
            }
    });
}

TEST_CASE("messages between two ranks arrive in order, and sends meet exchanges") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        if (world.size() == 1) return;
        std::vector<int> in(3), out(3, world.rank());
        for (int k = 0; k < 50; ++k) {
            if (world.rank() == 0) tutti::send(world, std::vector<int>(3, k), 1);
            if (world.rank() == 1) {
                tutti::receive(world, in, 0);
                expect.all(in, [&](std::size_t) { return k; }, "in order");
            }
        }
        if (world.rank() == 0) tutti::send(world, out, 1), tutti::receive(world, in, 1);
        if (world.rank() == 1) tutti::exchange(world, out, 0, in, 0);
        if (world.rank() < 2) expect.all(in, [&](std::size_t) { return world.rank() == 0 ? 1 : 0; }, "send meets exchange");
        tutti::barrier(world);
    });
}

TEST_CASE("a message to no other rank is refused before anything is sent") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        std::vector<int> data(3);
        for (int const peer : {-1, world.rank(), world.size()}) {
            expect.template throws<tutti::usage_error>([&] { tutti::send(world, data, peer); }, {"send", "no peer"}, "send");
            expect.template throws<tutti::usage_error>([&] { tutti::receive(world, data, peer); }, {"receive", "no peer"}, "receive");
        }
        tutti::barrier(world);
    });
}

TEST_CASE("a receive that expects another number of elements tells both ranks") {
    std::atomic<int> told = 0;
    tutti::launch<tutti::comm::threads>(2, [&](auto& world) {
        std::vector<float> data(world.rank() == 0 ? 17 : 16);
        try {
            if (world.rank() == 0) tutti::send(world, data, 1);
            else tutti::receive(world, data, 0);
        } catch (tutti::collective_mismatch const& error) {
            std::string const text = error.what();
            told += text.find("17 x float") != std::string::npos && text.find("16 x float") != std::string::npos;
        }
    });
    CHECK(told == 2);
}

TEST_CASE("a rank that waits for a message is told when its peer leaves, fails or is late") {
    std::atomic<int> told = 0;
    tutti::launch<tutti::comm::threads>(3, [&](auto& world) {
        std::vector<float> data(8);
        if (world.rank() == 2) return;
        try {
            tutti::receive(world, data, 2);
        } catch (tutti::peer_failed const& error) {
            told += std::string{error.what()}.find("rank 2 has left") != std::string::npos;
        }
    });
    CHECK(told == 2);

    told = 0;
    tutti::launch<tutti::comm::threads>({.ranks = 2, .timeout = 50ms}, [&](auto& world) {
        std::vector<float> data(80'000);
        if (world.rank() == 1) return std::this_thread::sleep_for(300ms);
        try {
            tutti::send(world, data, 1);
        } catch (tutti::timeout_error const& error) {
            std::string const text = error.what();
            told += text.find("rank 1 did not come") != std::string::npos && text.find("send") != std::string::npos;
        }
    });
    CHECK(told == 1);
}
