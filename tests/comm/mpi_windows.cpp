// Collectives in memory that the processes of one host share. Run by mpirun.
#include "../laws/elements.hpp"

#include <tutti/collectives/all_gather.hpp>
#include <tutti/collectives/all_reduce.hpp>
#include <tutti/collectives/all_to_all.hpp>
#include <tutti/collectives/barrier.hpp>
#include <tutti/collectives/broadcast.hpp>
#include <tutti/collectives/exclusive_scan.hpp>
#include <tutti/collectives/gather.hpp>
#include <tutti/collectives/reduce.hpp>
#include <tutti/collectives/reduce_scatter.hpp>
#include <tutti/collectives/scan.hpp>
#include <tutti/collectives/scatter.hpp>
#include <tutti/comm/mpi.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

using tutti::comm::mpi;

namespace {

/// How many elements are not what they should be.
template <class Range, class Wanted>
std::size_t wrong(Range const& found, std::size_t count, Wanted wanted) {
    std::size_t bad = 0;
    for (std::size_t i = 0; i < count; ++i) bad += !(found[i] == wanted(i));
    return bad;
}

}  // namespace

TEST_CASE_TEMPLATE("every collective is right on memory that ranks share, of any size", T, std::uint8_t, double, laws::moments,
                   laws::affine, laws::matrix) {
    tutti::launch<mpi>([](mpi& world) {
        int const p = world.size(), r = world.rank();
        auto const ranks = static_cast<std::size_t>(p), me = static_cast<std::size_t>(r);
        laws::combine const combine;
        for (std::size_t const n : {std::size_t{0}, std::size_t{1}, ranks + 1, std::size_t{1003}, std::size_t{20'001}}) {
            auto mine = world.allocate<T>(n), got = world.allocate<T>(n);
            auto parts = world.allocate<T>(n * ranks), wide = world.allocate<T>(n * ranks);
            auto fill = [&] {
                for (std::size_t i = 0; i < n; ++i) mine[i] = laws::value<T>(r, i);
                for (std::size_t i = 0; i < n * ranks; ++i) parts[i] = laws::value<T>(r, i);
            };
            auto const folded = [&](std::size_t i) { return laws::folded<T>(p, i); };
            fill();
            tutti::all_reduce(world, mine, got, combine);
            CHECK(wrong(got, n, folded) == 0);
            tutti::all_reduce(world, mine, combine);
            CHECK(wrong(mine, n, folded) == 0);
            fill();
            tutti::reduce(world, mine, got, p - 1, combine);
            if (r == p - 1) CHECK(wrong(got, n, folded) == 0);
            tutti::reduce_scatter(world, parts, got, combine);
            CHECK(wrong(got, n, [&](std::size_t i) { return folded(me * n + i); }) == 0);
            tutti::all_gather(world, mine, wide);
            CHECK(wrong(wide, n * ranks, [&](std::size_t i) { return laws::value<T>(static_cast<int>(i / n), i % n); }) == 0);
            tutti::all_to_all(world, parts, wide);
            CHECK(wrong(wide, n * ranks, [&](std::size_t i) { return laws::value<T>(static_cast<int>(i / n), me * n + i % n); }) == 0);
            tutti::gather(world, mine, wide, 0);
            if (r == 0)
                CHECK(wrong(wide, n * ranks, [&](std::size_t i) { return laws::value<T>(static_cast<int>(i / n), i % n); }) == 0);
            tutti::scatter(world, parts, got, p - 1);
            CHECK(wrong(got, n, [&](std::size_t i) { return laws::value<T>(p - 1, me * n + i); }) == 0);
            tutti::scan(world, mine, got, combine);
            CHECK(wrong(got, n, [&](std::size_t i) { return laws::folded<T>(r + 1, i); }) == 0);
            std::copy(mine.begin(), mine.end(), got.begin());
            tutti::broadcast(world, got, p - 1);
            CHECK(wrong(got, n, [&](std::size_t i) { return laws::value<T>(p - 1, i); }) == 0);
            tutti::barrier(world);
        }
    });
}

TEST_CASE("memory of any kind may be mixed: what peers cannot reach is left to MPI") {
    tutti::launch<mpi>([](mpi& world) {
        std::size_t const n = 5000;
        auto shared = world.allocate<float>(n);
        std::vector<float> own(n);
        float const triangle = static_cast<float>(world.size() * (world.size() + 1) / 2);
        for (int turn = 0; turn < 3; ++turn) {
            // Rank 0 alone brings memory of its own in the last turn.
            std::fill(shared.begin(), shared.end(), static_cast<float>(world.rank() + 1));
            std::fill(own.begin(), own.end(), static_cast<float>(world.rank() + 1));
            bool const here = turn == 1 || (turn == 2 && world.rank() == 0);
            if (here) tutti::all_reduce(world, own);
            else tutti::all_reduce(world, shared);
            CHECK((here ? own[n - 1] : shared[n - 1]) == triangle);
            CHECK(tutti::all_reduce(world, 1) == world.size());
        }
    });
}

TEST_CASE("calls that do not match are told on every rank, once ranks share memory") {
    tutti::launch<mpi>([](mpi& world) {
        if (world.size() == 1) return;
        auto part = world.split(0);
        auto const shared = part.allocate<float>(8);
        std::string text;
        try {
            if (part.rank() == 1) tutti::broadcast(part, shared, 0);
            else tutti::all_reduce(part, shared);
        } catch (tutti::collective_mismatch const& problem) { text = problem.what(); }
        CHECK(text.find("rank 1 called broadcast of 8 x float, root 0") != std::string::npos);
        CHECK(text.find("all_reduce of 8 x float") != std::string::npos);
    });
}

TEST_CASE("sizes that differ are refused on every rank") {
    tutti::launch<mpi>([](mpi& world) {
        if (world.size() == 1) return;
        CHECK_THROWS_AS((void)world.allocate<float>(static_cast<std::size_t>(world.rank())), tutti::usage_error);
    });
}
