// Collectives on two levels: invented hosts, since all ranks of a test run on one. Run by mpirun.
#include "../laws/elements.hpp"

#include <tutti/collectives/all_gather.hpp>
#include <tutti/collectives/all_reduce.hpp>
#include <tutti/collectives/all_to_all.hpp>
#include <tutti/collectives/barrier.hpp>
#include <tutti/collectives/broadcast.hpp>
#include <tutti/collectives/messages.hpp>
#include <tutti/collectives/reduce.hpp>
#include <tutti/collectives/scan.hpp>
#include <tutti/comm/checked.hpp>
#include <tutti/comm/hierarchical.hpp>
#include <tutti/comm/mpi.hpp>
#include <tutti/comm/traced.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <type_traits>
#include <vector>

using tutti::comm::mpi;
using two_level = tutti::comm::hierarchical<mpi>;

static_assert(tutti::communicator<two_level> && tutti::performs_collectives<two_level> && tutti::starts_collectives<two_level> &&
              tutti::starts_messages<two_level>);
static_assert(tutti::comm::knows_hosts<tutti::comm::checked<mpi>> && tutti::comm::knows_hosts<tutti::comm::traced<mpi>>);

namespace {

/// Small enough that several are soon sent, and large enough that a lane's share of one is no small one.
constexpr std::size_t piece_bytes = std::size_t{1} << 19;
static_assert(piece_bytes / 3 > two_level::small_lane_bytes);

/// Which host each of four ranks is on; of fewer ranks, the first.
struct placement {
    char const* name;
    std::array<int, 4> host;
};
constexpr placement placements[] = {
    {"two and two", {5, 5, 2, 2}}, {"one and three", {0, 1, 1, 1}}, {"three and one", {0, 0, 0, 1}}, {"taking turns", {0, 1, 0, 1}},
    {"wrapped", {0, 1, 1, 0}},     {"all on one", {3, 3, 3, 3}},    {"each alone", {0, 1, 2, 3}}};

/// Runs `body(world)` once for each placement of the ranks.
template <class Body>
void everywhere(Body body) {
    tutti::launch<mpi>([&](mpi& world) {
        for (auto const& each : placements) {
            CAPTURE(each.name);
            two_level mine{world, each.host[static_cast<std::size_t>(world.rank())], piece_bytes};
            body(mine);
        }
    });
}

/// How many elements are not what they should be.
template <class Range, class Wanted>
std::size_t wrong(Range const& found, Wanted wanted) {
    std::size_t bad = 0;
    for (std::size_t i = 0; i < found.size(); ++i) bad += !(found[i] == wanted(i));
    return bad;
}

/// Around all that changes the way: what fits a slot, one lane, a piece.
template <class T>
std::vector<std::size_t> sizes() {
    constexpr std::size_t one_lane = two_level::one_lane_bytes / sizeof(T), piece = piece_bytes / sizeof(T);
    return {0, 1, 7, 500 / sizeof(T), one_lane, one_lane + 1, 2003, piece - 1, piece, piece + 1, 2 * piece + 3};
}

/// Known to commute where it does.
template <class T>
auto operation_on() {
    if constexpr (std::is_same_v<T, double> || std::is_same_v<T, laws::moments>) return tutti::commutative{laws::combine{}};
    else return laws::combine{};
}

struct alignas(8192) aligned_far {
    int first, last;
};
struct longer_than_a_piece {
    int first;
    std::array<std::byte, piece_bytes> between;
    int last;
};

template <class T>
std::vector<T> brought(int rank, std::size_t n) {
    std::vector<T> data(n);
    for (std::size_t i = 0; i < n; ++i) data[i] = laws::value<T>(rank, i);
    return data;
}

}  // namespace

TEST_CASE_TEMPLATE("all_reduce, reduce and broadcast are right on any placement of the ranks, of any type and size", T, double,
                   laws::moments, laws::three_bytes, laws::matrix) {
    everywhere([](two_level& world) {
        int const p = world.size(), r = world.rank();
        auto const combine = operation_on<T>();
        for (std::size_t const n : sizes<T>()) {
            CAPTURE(n);
            auto const mine = brought<T>(r, n);
            std::vector<T> wanted(n);
            for (std::size_t i = 0; i < n; ++i) wanted[i] = laws::folded<T>(p, i);
            auto const folded = [&](std::size_t i) { return wanted[i]; };
            std::vector<T> got(n);
            tutti::all_reduce(world, mine, got, combine);
            CHECK(wrong(got, folded) == 0);
            got = mine;
            tutti::all_reduce(world, got, combine);
            CHECK(wrong(got, folded) == 0);
            for (int root = 0; root < p; ++root) {
                if (n > 3000 && root != static_cast<int>(n) % p) continue;  // sizes about a piece take turns
                got.assign(n, T{});
                tutti::reduce(world, mine, got, root, combine);
                if (r == root) CHECK(wrong(got, folded) == 0);
                else CHECK(wrong(got, [](std::size_t) { return T{}; }) == 0);
                got = mine;
                tutti::broadcast(world, got, root);
                CHECK(wrong(got, [&](std::size_t i) { return laws::value<T>(root, i); }) == 0);
            }
        }
    });
}

TEST_CASE_TEMPLATE("sums that MPI has are right on any placement", T, int, float, double) {
    everywhere([](two_level& world) {
        int const p = world.size(), last = p - 1;
        for (std::size_t const n : sizes<T>()) {
            CAPTURE(n);
            auto const sum = [&](std::size_t i) { return laws::folded<T>(p, i, std::plus<>{}); };
            auto got = brought<T>(world.rank(), n);
            tutti::all_reduce(world, got);
            CHECK(wrong(got, sum) == 0);
            got = brought<T>(world.rank(), n);
            tutti::reduce(world, got, got, last);
            if (world.rank() == last) CHECK(wrong(got, sum) == 0);
        }
    });
}

TEST_CASE("rounded sums are equal on all ranks, bit for bit") {
    everywhere([](two_level& world) {
        for (std::size_t const n : {std::size_t{11}, std::size_t{5000}, std::size_t{300'001}}) {
            std::vector<float> data(n);
            for (std::size_t i = 0; i < n; ++i) data[i] = 1.0f / static_cast<float>(3 + world.rank() + static_cast<int>(i % 1009));
            tutti::all_reduce(world, data);
            std::vector<float> first = data;
            tutti::broadcast(world.inner(), first, 0);
            CHECK(std::memcmp(first.data(), data.data(), n * sizeof(float)) == 0);
            double sum = 0;
            for (int rank = 0; rank < world.size(); ++rank) sum += 1.0 / (3.0 + rank + 5);
            CHECK(data[5] == doctest::Approx(sum).epsilon(1e-5));
        }
    });
}

TEST_CASE_TEMPLATE("elements that no window is made for are folded too", T, aligned_far, longer_than_a_piece) {
    everywhere([](two_level& world) {
        int const p = world.size(), r = world.rank();
        std::vector<T> data(2);
        data[0].first = data[0].last = r + 1;
        data[1].first = data[1].last = 10 * r;
        tutti::all_reduce(world, data, tutti::commutative{[](T const& x, T const& y) {
                              T sum = x;
                              sum.first += y.first;
                              sum.last += y.last;
                              return sum;
                          }});
        CHECK(data[0].first == p * (p + 1) / 2);
        CHECK(data[0].last == p * (p + 1) / 2);
        CHECK(data[1].last == 5 * p * (p - 1));
        data[1].last = r;
        tutti::broadcast(world, data, p - 1);
        CHECK(data[1].last == p - 1);
    });
}

TEST_CASE("no rank leaves a barrier before all have come") {
    everywhere([](two_level& world) {
        for (int late = 0; late < world.size(); ++late) {
            // The late rank's message is on its way before it comes, so it is there once a barrier has passed.
            if (world.rank() == late && world.size() > 1) {
                MPI_Request sent = MPI_REQUEST_NULL;
                int const peer = (late + 1) % world.size();
                MPI_Issend(&late, 1, MPI_INT, peer, 7, MPI_COMM_WORLD, &sent);
                int complete = 0;
                for (int i = 0; i < 2000; ++i) MPI_Test(&sent, &complete, MPI_STATUS_IGNORE);
                CHECK(!complete);  // the receiver looks only behind the barrier, which waits for this rank
                tutti::barrier(world);
                MPI_Wait(&sent, MPI_STATUS_IGNORE);
            } else {
                tutti::barrier(world);
                if (world.size() > 1 && world.rank() == (late + 1) % world.size()) {
                    int got = -1;
                    MPI_Recv(&got, 1, MPI_INT, late, 7, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
                    CHECK(got == late);
                }
            }
        }
    });
}

TEST_CASE("other collectives, started ones and messages are the wrapped communicator's") {
    everywhere([](two_level& world) {
        int const p = world.size(), r = world.rank();
        std::size_t const n = 3000;
        auto const mine = brought<double>(r, n);
        std::vector<double> wide(n * static_cast<std::size_t>(p)), sum(n), own(n);
        auto sums = tutti::start_all_reduce(world, mine, sum);
        auto folds = tutti::start_all_reduce(world, mine, own, laws::combine{});
        if (r % 2 == 1) folds.wait();
        std::vector<int> two(n, r);
        tutti::all_reduce(world, two);  // one that waits meets one that does not
        CHECK(two[n - 1] == p * (p - 1) / 2);
        tutti::all_gather(world, mine, wide);
        CHECK(wrong(wide, [&](std::size_t i) { return laws::value<double>(static_cast<int>(i / n), i % n); }) == 0);
        CHECK(tutti::scan(world, 1) == r + 1);
        folds.wait();
        sums.wait();
        CHECK(wrong(sum, [&](std::size_t i) { return laws::folded<double>(p, i); }) == 0);
        CHECK(own == sum);
        std::vector<int> to_next{r}, from_last{-1};
        tutti::exchange(world, to_next, (r + 1) % p, from_last, (r + p - 1) % p);
        CHECK(from_last[0] == (r + p - 1) % p);
        auto part = world.split(r % 2);
        CHECK(tutti::all_reduce(part, 1) == (p + 1 - r % 2) / 2);
        auto const memory = world.allocate<int>(5);
        CHECK(memory.size() == 5);
    });
}

TEST_CASE("hosts and lanes are counted") {
    tutti::launch<mpi>([](mpi& world) {
        auto const is = [&](std::array<int, 4> host, int hosts, int lanes) {
            two_level const mine{world, host[static_cast<std::size_t>(world.rank())]};
            CHECK(mine.hosts() == hosts);
            CHECK(mine.lanes() == lanes);
        };
        if (world.size() == 4) {
            is({1, 1, 0, 0}, 2, 2);
            is({1, 0, 1, 1}, 2, 1);
            is({4, 4, 4, 4}, 1, 4);
            is({3, 2, 1, 0}, 4, 1);
        }
        two_level const by_machine{world};
        CHECK(by_machine.hosts() == 1);  // mpirun was not told of other hosts
        CHECK(by_machine.lanes() == world.size());
    });
}

TEST_CASE("it is launched as other communicators are, and can be wrapped") {
    tutti::launch<two_level>([](two_level& world) {
        CHECK(tutti::all_reduce(world, 1) == world.size());
        std::vector<double> data(100'000, 1.0);
        tutti::all_reduce(world, data);
        CHECK(data.back() == world.size());
    });
    everywhere([](two_level& world) {
        tutti::comm::checked checked{world};
        tutti::comm::traced traced{checked};
        std::vector<int> data(5000, world.rank() + 1);
        tutti::all_reduce(traced, data);
        CHECK(data.back() == world.size() * (world.size() + 1) / 2);
        if (world.size() == 1) return;
        std::string text;
        try {
            if (world.rank() == 1) tutti::broadcast(traced, data, 0);
            else tutti::all_reduce(traced, data);
        } catch (tutti::collective_mismatch const& problem) { text = problem.what(); }
        CHECK(text.find("rank 1 called broadcast of 5000 x int") != std::string::npos);
        tutti::all_reduce(traced, data);
    });
}
