// Groups of MPI ranks, adopted or split off, and counts that an int cannot hold. Run by mpirun.
#include <tutti/collectives/all_gather.hpp>
#include <tutti/collectives/all_reduce.hpp>
#include <tutti/collectives/barrier.hpp>
#include <tutti/collectives/broadcast.hpp>
#include <tutti/collectives/messages.hpp>
#include <tutti/collectives/reduce.hpp>
#include <tutti/comm/mpi.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

using tutti::comm::mpi;

static_assert(tutti::communicator<mpi>);

TEST_CASE("launch gives the ranks that mpirun has started, and refuses another number on every rank") {
    int here = -1, size = 0;
    tutti::launch<mpi>([&](mpi& world) { here = world.rank(), size = world.size(); });
    CHECK(here >= 0);
    CHECK(here < size);
    tutti::launch<mpi>(size, [&](mpi& world) { CHECK(world.size() == size); });
    std::string text;
    try {
        tutti::launch<mpi>(size + 1, [](mpi&) {});
    } catch (tutti::usage_error const& refusal) { text = refusal.what(); }
    CHECK(text.find("mpirun -np " + std::to_string(size + 1)) != std::string::npos);
}

TEST_CASE("ranks of one color become a group, in the order of their keys") {
    tutti::launch<mpi>([](mpi& world) {
        auto part = world.split(world.rank() % 2, -world.rank());
        int const members = (world.size() + 1 - world.rank() % 2) / 2;
        CHECK(part.size() == members);
        auto const ranks = tutti::all_gather(part, world.rank());
        CHECK(std::is_sorted(ranks.rbegin(), ranks.rend()));
        CHECK(std::all_of(ranks.begin(), ranks.end(), [&](int each) { return each % 2 == world.rank() % 2; }));
        CHECK(tutti::all_reduce(part, 1) == members);
        CHECK(tutti::all_reduce(world, 1) == world.size());
        CHECK_THROWS_AS(world.split(-1), tutti::usage_error);
    });
}

TEST_CASE("ranks of one host become a group") {
    tutti::launch<mpi>([](mpi& world) {
        auto host = world.split_by_host();
        CHECK(host.size() == world.size());  // mpirun was not told of other hosts
        CHECK(host.rank() == world.rank());
    });
}

TEST_CASE("what was started on one group goes on while a rank waits in memory that another shares") {
    tutti::launch<mpi>([](mpi& world) {
        auto host = world.split_by_host();
        auto const of_host = host.allocate<int>(1), of_world = world.allocate<int>(1);
        double const triangle = world.size() * (world.size() + 1) / 2;
        auto cross = [&](mpi& starts, mpi& meets, auto operation) {
            std::vector<double> data(200'000, world.rank() + 1.0);
            auto running = tutti::start_all_reduce(starts, data, operation);
            bool const waits_first = world.rank() % 2 == 0;
            if (waits_first) running.wait();
            CHECK(tutti::all_reduce(meets, 1) == world.size());
            running.wait();
            CHECK(data.front() == triangle);
            CHECK(data.back() == triangle);
        };
        auto const own = tutti::commutative{[](double a, double b) { return a + b; }};
        cross(world, host, std::plus<>{});
        cross(world, host, own);
        cross(host, world, std::plus<>{});
        cross(host, world, own);
    });
}

TEST_CASE("messages of an adopted group stay apart from those of the one it was adopted from") {
    tutti::launch<mpi>([](mpi& world) {
        mpi other{world.native()};
        if (world.size() == 1) return;
        std::vector<int> first{1}, second{2};
        if (world.rank() == 0) {
            MPI_Request by_hand = MPI_REQUEST_NULL;
            int const three = 3;
            MPI_Isend(&three, 1, MPI_INT, 1, 0, MPI_COMM_WORLD, &by_hand);
            tutti::send(world, first, 1);
            tutti::send(other, second, 1);
            MPI_Wait(&by_hand, MPI_STATUS_IGNORE);
        } else if (world.rank() == 1) {
            std::vector<int> got(1);
            tutti::receive(world, got, 0);
            CHECK(got == first);
            tutti::receive(other, got, 0);
            CHECK(got == second);
            MPI_Recv(got.data(), 1, MPI_INT, 0, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            CHECK(got[0] == 3);
        }
    });
}

TEST_CASE("a reduce may be in place whatever its root") {
    tutti::launch<mpi>([](mpi& world) {
        int const p = world.size();
        for (std::size_t const n : {std::size_t{0}, std::size_t{1}, std::size_t{600}, std::size_t{100'003}})
            for (int root = 0; root < p; ++root)
                for (bool const starts : {false, true}) {
                    std::vector<int> data(n, world.rank() + 1);
                    if (starts) tutti::start_reduce(world, data, data, root).wait();
                    else tutti::reduce(world, data, data, root);
                    int const wanted = world.rank() == root ? p * (p + 1) / 2 : world.rank() + 1;
                    CHECK(std::all_of(data.begin(), data.end(), [&](int each) { return each == wanted; }));
                }
    });
}

TEST_CASE("counts may pass 2^31") {
    tutti::launch<mpi>([](mpi& world) {
        if (world.size() != 2) return;  // each takes 2 GiB
        std::size_t const n = (std::size_t{1} << 31) + 5;
        std::vector<std::uint8_t> data(n, static_cast<std::uint8_t>(world.rank() + 1));
        data[n - 1] = static_cast<std::uint8_t>(7 * (world.rank() + 1));
        tutti::broadcast(world, data, 0);
        CHECK(data[0] == 1);
        CHECK(data[n - 1] == 7);
        tutti::all_reduce(world, data);
        CHECK(data[n / 2] == world.size());
        CHECK(data[n - 1] == 7 * world.size());
    });
}

TEST_CASE("a message of another length than expected is told on the receiver") {
    tutti::launch<mpi>([](mpi& world) {
        // What an MPI does after an error is its own choice: with more ranks, Open MPI 4.1 may wait for ever in the barrier.
        if (world.size() != 2) return;
        for (std::size_t const sent : {std::size_t{16}, std::size_t{18}}) {
            std::vector<float> data(world.rank() == 0 ? sent : 17);
            if (world.rank() == 0) tutti::send(world, data, 1);
            if (world.rank() == 1) {
                std::string text;
                try {
                    tutti::receive(world, data, 0);
                } catch (tutti::collective_mismatch const& problem) { text = problem.what(); }
                CHECK(text.find(sent < 17 ? "fewer" : "more") != std::string::npos);
                CHECK(text.find("17 x float") != std::string::npos);
            }
            tutti::barrier(world);
        }
    });
}
