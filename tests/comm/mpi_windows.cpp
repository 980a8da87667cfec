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
#include <span>
#include <string>
#include <vector>

using tutti::comm::mpi;

namespace {

int passed_to_mpi = 0;

/// How many elements are not what they should be.
template <class Range, class Wanted>
std::size_t wrong(Range const& found, std::size_t count, Wanted wanted) {
    std::size_t bad = 0;
    for (std::size_t i = 0; i < count; ++i) bad += !(found[i] == wanted(i));
    return bad;
}

}  // namespace

// MPI lets a program put functions of its own before its own.
int MPI_Bcast(void* data, int n, MPI_Datatype type, int root, MPI_Comm group) {
    ++passed_to_mpi;
    return PMPI_Bcast(data, n, type, root, group);
}
int MPI_Reduce(void const* in, void* out, int n, MPI_Datatype type, MPI_Op op, int root, MPI_Comm group) {
    ++passed_to_mpi;
    return PMPI_Reduce(in, out, n, type, op, root, group);
}
int MPI_Reduce_scatter_block(void const* in, void* out, int n, MPI_Datatype type, MPI_Op op, MPI_Comm group) {
    ++passed_to_mpi;
    return PMPI_Reduce_scatter_block(in, out, n, type, op, group);
}
int MPI_Gather(void const* in, int n, MPI_Datatype type, void* out, int m, MPI_Datatype to, int root, MPI_Comm group) {
    ++passed_to_mpi;
    return PMPI_Gather(in, n, type, out, m, to, root, group);
}
int MPI_Allgather(void const* in, int n, MPI_Datatype type, void* out, int m, MPI_Datatype to, MPI_Comm group) {
    ++passed_to_mpi;
    return PMPI_Allgather(in, n, type, out, m, to, group);
}
int MPI_Scatter(void const* in, int n, MPI_Datatype type, void* out, int m, MPI_Datatype to, int root, MPI_Comm group) {
    ++passed_to_mpi;
    return PMPI_Scatter(in, n, type, out, m, to, root, group);
}
int MPI_Alltoall(void const* in, int n, MPI_Datatype type, void* out, int m, MPI_Datatype to, MPI_Comm group) {
    ++passed_to_mpi;
    return PMPI_Alltoall(in, n, type, out, m, to, group);
}
int MPI_Alltoallv(void const* in, int const* n, int const* at, MPI_Datatype type, void* out, int const* m, int const* places,
                  MPI_Datatype to, MPI_Comm group) {
    ++passed_to_mpi;
    return PMPI_Alltoallv(in, n, at, type, out, m, places, to, group);
}

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
            T const init = laws::value<T>(20, 3);
            auto const before = [&](std::size_t i) { return r == 0 ? init : combine(init, laws::folded<T>(r, i)); };
            tutti::exclusive_scan(world, mine, got, init, combine);
            CHECK(wrong(got, n, before) == 0);
            std::copy(mine.begin(), mine.end(), got.begin());
            tutti::broadcast(world, got, p - 1);
            CHECK(wrong(got, n, [&](std::size_t i) { return laws::value<T>(p - 1, i); }) == 0);

            tutti::scan(world, mine, mine, combine);
            CHECK(wrong(mine, n, [&](std::size_t i) { return laws::folded<T>(r + 1, i); }) == 0);
            fill();
            tutti::exclusive_scan(world, mine, mine, init, combine);
            CHECK(wrong(mine, n, before) == 0);
            fill();
            tutti::reduce(world, mine, mine, p - 1, combine);
            if (r == p - 1) CHECK(wrong(mine, n, folded) == 0);
            fill();
            std::span const place = std::span{wide.data(), n * ranks}.subspan(me * n, n);
            std::copy(mine.begin(), mine.end(), place.begin());
            tutti::all_gather(world, place, wide);
            CHECK(wrong(wide, n * ranks, [&](std::size_t i) { return laws::value<T>(static_cast<int>(i / n), i % n); }) == 0);
            tutti::reduce_scatter(world, parts, std::span{parts.data(), n * ranks}.subspan(me * n, n), combine);
            CHECK(wrong(std::span{parts.data(), n * ranks}.subspan(me * n, n), n, [&](std::size_t i) { return folded(me * n + i); }) == 0);
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

TEST_CASE("a buffer that no peer touches may lie anywhere: such calls are not left to MPI") {
    tutti::launch<mpi>([](mpi& world) {
        std::size_t const n = 5000, p = static_cast<std::size_t>(world.size());
        int const r = world.rank(), last = world.size() - 1;
        auto const me = static_cast<std::size_t>(r);
        auto mine = world.allocate<int>(n), wide = world.allocate<int>(n * p);
        std::vector<int> own(n), own_wide(n * p);
        auto const here = [&](std::size_t i) { return laws::value<int>(r, i); };
        auto const of_parts = [&](std::size_t i) { return laws::value<int>(static_cast<int>(i / n), me * n + i % n); };
        auto fill = [&](auto& data) {
            for (std::size_t i = 0; i < data.size(); ++i) data[i] = here(i);
        };
        fill(mine);
        fill(wide);
        passed_to_mpi = 0;
        tutti::all_gather(world, mine, own_wide);
        CHECK(wrong(own_wide, n * p, [&](std::size_t i) { return laws::value<int>(static_cast<int>(i / n), i % n); }) == 0);
        tutti::all_to_all(world, wide, own_wide);
        CHECK(wrong(own_wide, n * p, of_parts) == 0);
        tutti::reduce_scatter(world, wide, own);
        CHECK(wrong(own, n, [&](std::size_t i) { return laws::folded<int>(world.size(), me * n + i); }) == 0);
        if (r == last) tutti::scatter(world, wide, own, last);
        else tutti::scatter(world, own_wide, own, last);
        CHECK(wrong(own, n, [&](std::size_t i) { return laws::value<int>(last, me * n + i); }) == 0);
        if (r == last) tutti::reduce(world, mine, std::span{wide.data(), n}, last);
        else tutti::reduce(world, mine, own, last);
        if (r == last) CHECK(wrong(wide, n, [&](std::size_t i) { return laws::folded<int>(world.size(), i); }) == 0);
        fill(own);
        if (r == last) tutti::gather(world, own, wide, last);
        else tutti::gather(world, own, own_wide, last);
        if (r == last)
            CHECK(wrong(wide, n * p, [&](std::size_t i) { return laws::value<int>(static_cast<int>(i / n), i % n); }) == 0);
        if (r == last) tutti::broadcast(world, mine, last);
        else tutti::broadcast(world, own, last);
        if (r != last) CHECK(wrong(own, n, [&](std::size_t i) { return laws::value<int>(last, i); }) == 0);
        CHECK(passed_to_mpi == 0);
        fill(own);
        tutti::all_gather(world, own, wide);  // which peers would read
        CHECK(passed_to_mpi == (world.size() > 1));
        CHECK(wrong(wide, n * p, [&](std::size_t i) { return laws::value<int>(static_cast<int>(i / n), i % n); }) == 0);
    });
}

TEST_CASE("ranks agree on who moves an all_to_all_v, when some of them bring so little that it needs no buffer") {
    tutti::launch<mpi>([](mpi& world) {
        std::size_t const p = static_cast<std::size_t>(world.size()), n = 1000;
        std::vector<std::size_t> counts(p, 1);
        if (world.rank() == 0) counts[0] = n;  // for itself
        auto much = world.allocate<int>(n + p);
        std::fill(much.begin(), much.end(), 1);
        std::vector<int> little(p, world.rank() + 1), got(counts[0] + p - 1);
        passed_to_mpi = 0;
        if (world.rank() == 0) tutti::all_to_all_v(world, std::span{much.data(), n + p - 1}, counts, got, counts);
        else tutti::all_to_all_v(world, little, counts, got, counts);
        CHECK(wrong(got, got.size(), [&](std::size_t i) { return i < counts[0] ? 1 : static_cast<int>(i - counts[0]) + 2; }) == 0);
        CHECK(passed_to_mpi == 0);
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
