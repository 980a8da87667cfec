// Collectives between several hosts. Run by hosts.sh.
#include "../laws/elements.hpp"

#include <tutti/collectives/all_gather.hpp>
#include <tutti/collectives/all_reduce.hpp>
#include <tutti/collectives/all_to_all.hpp>
#include <tutti/collectives/barrier.hpp>
#include <tutti/collectives/broadcast.hpp>
#include <tutti/collectives/exclusive_scan.hpp>
#include <tutti/collectives/gather.hpp>
#include <tutti/collectives/messages.hpp>
#include <tutti/collectives/reduce.hpp>
#include <tutti/collectives/reduce_scatter.hpp>
#include <tutti/collectives/scan.hpp>
#include <tutti/collectives/scatter.hpp>
#include <tutti/comm/hierarchical.hpp>
#include <tutti/comm/mpi.hpp>

#include <doctest/doctest.h>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <numeric>
#include <string>
#include <vector>

using tutti::comm::mpi;
using hierarchical = tutti::comm::hierarchical<mpi>;

namespace {

int number(char const* variable) {
    char const* const text = std::getenv(variable);
    return text ? std::atoi(text) : 0;
}
/// What hosts.sh was asked for.
int const hosts = number("TUTTI_HOSTS"), ranks_per_host = number("TUTTI_RANKS_PER_HOST");

std::string host_name() {
    char name[16] = {};
    gethostname(name, sizeof name - 1);
    return name;
}

/// How many elements are not what they should be.
template <class Range, class Wanted>
std::size_t wrong(Range const& found, std::size_t count, Wanted wanted) {
    std::size_t bad = 0;
    for (std::size_t i = 0; i < count; ++i) bad += !(found[i] == wanted(i));
    return bad;
}

/// Every collective on `n` elements of each rank, against what the ranks have brought.
template <class T, class Comm>
void check_collectives(Comm& world, std::size_t n) {
    int const p = world.size(), r = world.rank();
    auto const ranks = static_cast<std::size_t>(p), me = static_cast<std::size_t>(r);
    INFO("elements: ", n, ", rank: ", r);
    laws::combine const combine;
    std::vector<T> mine(n), got(n), parts(n * ranks), wide(n * ranks);
    auto fill = [&] {
        for (std::size_t i = 0; i < n; ++i) mine[i] = laws::value<T>(r, i);
        for (std::size_t i = 0; i < n * ranks; ++i) parts[i] = laws::value<T>(r, i);
    };
    auto const folded = [&](std::size_t i) { return laws::folded<T>(p, i); };
    auto const of_all = [&](std::size_t i) { return laws::value<T>(static_cast<int>(i / n), i % n); };
    fill();
    tutti::all_reduce(world, mine, got, combine);
    CHECK(wrong(got, n, folded) == 0);
    tutti::all_reduce(world, mine, combine);
    CHECK(wrong(mine, n, folded) == 0);
    fill();
    for (int const root : {0, p - 1}) {
        tutti::reduce(world, mine, got, root, combine);
        if (r == root) CHECK(wrong(got, n, folded) == 0);
        tutti::gather(world, mine, wide, root);
        if (r == root) CHECK(wrong(wide, n * ranks, of_all) == 0);
        tutti::scatter(world, parts, got, root);
        CHECK(wrong(got, n, [&](std::size_t i) { return laws::value<T>(root, me * n + i); }) == 0);
        got = mine;
        tutti::broadcast(world, got, root);
        CHECK(wrong(got, n, [&](std::size_t i) { return laws::value<T>(root, i); }) == 0);
    }
    tutti::reduce_scatter(world, parts, got, combine);
    CHECK(wrong(got, n, [&](std::size_t i) { return folded(me * n + i); }) == 0);
    tutti::all_gather(world, mine, wide);
    CHECK(wrong(wide, n * ranks, of_all) == 0);
    tutti::all_to_all(world, parts, wide);
    CHECK(wrong(wide, n * ranks, [&](std::size_t i) { return laws::value<T>(static_cast<int>(i / n), me * n + i % n); }) == 0);
    tutti::scan(world, mine, got, combine);
    CHECK(wrong(got, n, [&](std::size_t i) { return laws::folded<T>(r + 1, i); }) == 0);
    T const init = laws::value<T>(p, 0);
    tutti::exclusive_scan(world, mine, got, init, combine);
    CHECK(wrong(got, n, [&](std::size_t i) { return r == 0 ? init : combine(init, laws::folded<T>(r, i)); }) == 0);
    tutti::barrier(world);
}

}  // namespace

TEST_CASE("ranks are numbered host by host, and hosts have names of their own") {
    tutti::launch<mpi>([](mpi& world) {
        REQUIRE(world.size() == hosts * ranks_per_host);
        CHECK(host_name() == "host" + std::to_string(world.rank() / ranks_per_host));
    });
}

TEST_CASE("a link carries no more than its rate") {
    char const* const rate = std::getenv("TUTTI_LINK_RATE");
    if (!rate || std::string{rate} != "1gbit") return;
    tutti::launch<mpi>([](mpi& world) {
        int const last = world.size() - 1;
        if (hosts == 1 || (world.rank() != 0 && world.rank() != last)) return;
        std::vector<std::uint8_t> bytes(4 << 20);
        auto const start = std::chrono::steady_clock::now();
        if (world.rank() == 0) tutti::send(world, bytes, last);
        tutti::receive(world, bytes, last - world.rank());
        std::chrono::duration<double> const there_and_back = std::chrono::steady_clock::now() - start;
        if (world.rank() == last) tutti::send(world, bytes, 0);
        else CHECK(there_and_back.count() > 0.9 * 2 * 8 * static_cast<double>(bytes.size()) / 1e9);  // it starts with a burst
    });
}

TEST_CASE("ranks of each host become a group that shares memory") {
    tutti::launch<mpi>([](mpi& world) {
        auto host = world.split_by_host();
        REQUIRE(host.size() == ranks_per_host);
        CHECK(host.rank() == world.rank() % ranks_per_host);
        auto const members = tutti::all_gather(host, world.rank());
        for (int r = 0; r < host.size(); ++r)
            CHECK(members[static_cast<std::size_t>(r)] == world.rank() / ranks_per_host * ranks_per_host + r);

        auto const shared = host.allocate<double>(10'000);
        std::fill(shared.begin(), shared.end(), world.rank() + 1);
        double const wanted = std::accumulate(members.begin(), members.end(), 0) + host.size();
        tutti::all_reduce(host, shared);
        CHECK(wrong(shared, shared.size(), [&](std::size_t) { return wanted; }) == 0);
    });
}

TEST_CASE("memory of a group on several hosts is each rank's own, and serves all the same") {
    tutti::launch<mpi>([](mpi& world) {
        auto const mine = world.allocate<double>(10'000);
        std::fill(mine.begin(), mine.end(), world.rank() + 1);
        tutti::all_reduce(world, mine);
        double const triangle = world.size() * (world.size() + 1) / 2;
        CHECK(wrong(mine, mine.size(), [&](std::size_t) { return triangle; }) == 0);
    });
}

TEST_CASE("a hierarchical communicator finds the hosts, and a lane for each of their ranks") {
    tutti::launch<hierarchical>([](hierarchical& world) {
        CHECK(world.hosts() == hosts);
        CHECK(world.lanes() == ranks_per_host);
    });
}

TEST_CASE_TEMPLATE("every collective is right between hosts, of any size", Comm, mpi, hierarchical) {
    tutti::launch<Comm>([](Comm& world) {
        auto const p = static_cast<std::size_t>(world.size());
        for (std::size_t const n : {std::size_t{0}, std::size_t{1}, p - 1, p + 1, std::size_t{1003}, std::size_t{20'001}}) {
            check_collectives<float>(world, n);
            check_collectives<laws::moments>(world, n);  // MPI has neither the type
            check_collectives<laws::affine>(world, n);   // nor an operation that does not commute
        }
    });
}

TEST_CASE_TEMPLATE("sums of a model's size are right between hosts, and the same on all ranks", Comm, mpi, hierarchical) {
    tutti::launch<Comm>([](Comm& world) {
        for (std::size_t const n : {std::size_t{65'536}, std::size_t{600'011}}) {
            std::vector<float> values(n);
            for (std::size_t i = 0; i < n; ++i) values[i] = laws::value<float>(world.rank(), i);
            tutti::all_reduce(world, values);
            CHECK(wrong(values, n, [&](std::size_t i) { return laws::folded<float>(world.size(), i); }) == 0);

            std::size_t const first = 3 * static_cast<std::size_t>(world.rank()) + 1;
            for (std::size_t i = 0; i < n; ++i) values[i] = 1.0F / static_cast<float>(first + i % 1009);
            tutti::all_reduce(world, values);  // rounds
            auto const of_all = tutti::all_gather(world, std::accumulate(values.begin(), values.end(), 0.0));
            CHECK(std::count(of_all.begin(), of_all.end(), of_all[0]) == world.size());
        }
    });
}

TEST_CASE_TEMPLATE("messages pass between any two ranks", Comm, mpi, hierarchical) {
    tutti::launch<Comm>([](Comm& world) {
        std::size_t const n = 5000;
        for (int step = 1; step < world.size(); ++step) {
            int const to = (world.rank() + step) % world.size(), from = (world.rank() + world.size() - step) % world.size();
            std::vector<std::int64_t> sent(n, 100 * world.rank() + step), got(n);
            tutti::exchange(world, sent, to, got, from);
            CHECK(wrong(got, n, [&](std::size_t) { return 100 * from + step; }) == 0);
        }
    });
}
