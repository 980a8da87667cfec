// Calls that do not match, on processes: MPI compares nothing, `checked` tells every rank. Run by mpirun.
#include <tutti/collectives/algorithm/recursive_doubling.hpp>
#include <tutti/collectives/algorithm/ring.hpp>
#include <tutti/collectives/all_gather.hpp>
#include <tutti/collectives/all_reduce.hpp>
#include <tutti/collectives/all_to_all.hpp>
#include <tutti/collectives/barrier.hpp>
#include <tutti/collectives/broadcast.hpp>
#include <tutti/collectives/messages.hpp>
#include <tutti/comm/checked.hpp>
#include <tutti/comm/hierarchical.hpp>
#include <tutti/comm/mpi.hpp>
#include <tutti/comm/traced.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

using tutti::comm::checked;
using tutti::comm::mpi;
using tutti::comm::traced;

static_assert(tutti::communicator<checked<mpi>> && tutti::communicator<traced<checked<mpi>>>);

namespace {

/// This rank gets a `collective_mismatch` with these words from `call`.
template <class Call>
void is_told_alone(std::initializer_list<std::string_view> words, Call call) {
    std::string text = "nothing was thrown";
    try {
        call();
    } catch (tutti::collective_mismatch const& problem) { text = problem.what(); }
    for (auto const word : words) CHECK_MESSAGE(text.find(word) != std::string::npos, word, " is missing in: ", text);
}

/// So does every rank, and can go on.
template <class Comm, class Call>
void is_told(Comm& world, std::initializer_list<std::string_view> words, Call call) {
    is_told_alone(words, call);
    CHECK(tutti::all_reduce(world, 1) == world.size());
}

/// Every mistake, made by the last rank of `world`.
template <class Comm>
void make_mistakes(Comm& world) {
    bool const odd = world.rank() == world.size() - 1;
    std::string const last = "rank " + std::to_string(world.size() - 1);
    std::vector<float> x(8);
    is_told(world, {"rank 0", "called all_reduce of 8 x float with std::plus<", last + " called broadcast of 8 x float, root 0"},
            [&] { odd ? tutti::broadcast(world, x, 0) : tutti::all_reduce(world, x); });
    is_told(world, {"8 x float", "9000 x float"}, [&] {
        std::vector<float> y(odd ? 9000 : 8);
        tutti::all_reduce(world, y);
    });
    is_told(world, {"called all_reduce of 8 x float", last + " called all_reduce of 8 x int"}, [&] {
        std::vector<int> y(8);
        odd ? tutti::all_reduce(world, y) : tutti::all_reduce(world, x);
    });
    is_told(world, {"root 0", last, "root 1"}, [&] { tutti::broadcast(world, x, odd ? 1 : 0); });
    is_told(world, {"std::plus", last, "std::multiplies"},
            [&] { odd ? tutti::all_reduce(world, x, std::multiplies<>{}) : tutti::all_reduce(world, x); });
    is_told(world, {"by ring", last, "by recursive_doubling"}, [&] {
        if (odd) tutti::all_reduce(world, x, std::plus<>{}, tutti::algorithm::recursive_doubling{});
        else tutti::all_reduce(world, x, std::plus<>{}, tutti::algorithm::ring{});
    });
    is_told(world, {"called barrier", last + " called all_reduce"},
            [&] { auto const running = odd ? tutti::start_all_reduce(world, x) : tutti::start_barrier(world); });
    auto const p = static_cast<std::size_t>(world.size());
    is_told(world, {"in parts of 2, 2", "in parts of 3, 1"}, [&] {
        std::vector<std::size_t> counts(p, 2);
        if (odd) counts[0] = 3, counts[1] = 1;
        std::vector<int> const mine(counts[static_cast<std::size_t>(world.rank())]);
        std::vector<int> all(2 * p);
        tutti::all_gather_v(world, mine, all, counts);
    });
    is_told(world, {"rank 0 sends 2 elements to " + last + ", which expects 5"}, [&] {
        std::vector<std::size_t> const sent(p, 2);
        std::vector<std::size_t> expected(p, 2);
        if (odd) expected[0] = 5;
        std::vector<int> const mine(2 * p);
        std::vector<int> all(2 * p + (odd ? 3 : 0));
        tutti::all_to_all_v(world, mine, sent, all, expected);
    });
    if (world.rank() < 2)
        for (std::size_t const sent : {std::size_t{16}, std::size_t{18}}) {
            auto const words = "rank 1 receives 17 x float from rank 0, which sends " + std::to_string(sent) + " x float";
            is_told_alone({words}, [&] {
                std::vector<float> data(world.rank() == 0 ? sent : 17);
                world.rank() == 0 ? tutti::send(world, data, 1) : tutti::receive(world, data, 0);
            });
        }
    // Started ones: the messages behind the mismatch arrive, beside collectives and whatever their peer does first.
    bool const sends = world.rank() == 0;
    tutti::pending wrong, right;
    std::vector<float> data(sends ? 16'000 : 17'000, 1.0f + static_cast<float>(world.rank()));
    std::vector<int> behind(50'000, sends);
    if (world.rank() < 2) {
        wrong = sends ? tutti::start_send(world, data, 1) : tutti::start_receive(world, data, 0);
        right = sends ? tutti::start_send(world, behind, 1) : tutti::start_receive(world, behind, 0);
    }
    tutti::all_reduce(world, x);
    tutti::all_reduce(world, x, std::plus<>{}, tutti::algorithm::ring{});
    right.wait();
    if (world.rank() < 2) {
        CHECK(behind.back() == 1);
        is_told_alone({"rank 1 receives 17000 x float from rank 0, which sends 16000 x float"}, [&] { wrong.wait(); });
        CHECK(data[15'999] == 1.0f + static_cast<float>(world.rank()));
    }
    CHECK(tutti::all_reduce(world, world.rank()) == world.size() * (world.size() - 1) / 2);
}

}  // namespace

TEST_CASE("processes that make different calls are told, all of them, and can go on") {
    tutti::launch<checked<mpi>>([](checked<mpi>& world) {
        if (world.size() > 1) make_mistakes(world);
    });
}

TEST_CASE("wrappers nest, and wrap a world that is there") {
    tutti::launch<mpi>([](mpi& plain) {
        checked world{plain};
        traced both{world};
        if (both.size() > 1) make_mistakes(both);
        CHECK(both.native() == plain.native());
    });
}

TEST_CASE("two levels are checked, and so is what they are split into; they may be made of checked groups") {
    tutti::launch<mpi>([](mpi& plain) {
        tutti::comm::hierarchical two_level{plain, plain.rank() % 2};
        checked world{two_level};
        if (world.size() == 1) return;
        make_mistakes(world);
        checked<mpi> all = world.split(0, -world.rank());
        CHECK(all.rank() == world.size() - 1 - world.rank());
        make_mistakes(all);
        auto const memory = all.allocate<float>(3000);
        tutti::comm::hierarchical of_checked{all, all.rank() / 2};
        memory[2999] = 2;
        tutti::all_reduce(of_checked, memory);
        CHECK(memory[2999] == 2.0f * static_cast<float>(all.size()));
        traced<checked<mpi>> both{all};
        auto parts = both.split(both.rank() % 2);
        CHECK(tutti::all_reduce(parts, 1) == parts.size());
    });
}

TEST_CASE("a group split off from a checked world is checked, and a split that not all ranks make is told") {
    tutti::launch<checked<mpi>>([](checked<mpi>& world) {
        checked<mpi> part = world.split(world.rank() == 0 ? 1 : 0);
        CHECK(part.size() == (world.rank() == 0 ? 1 : world.size() - 1));
        checked<mpi> all = world.split_by_host();
        if (all.size() < 2) return;
        make_mistakes(all);
        is_told(world, {"rank 0", "called split", "called barrier"}, [&] {
            if (world.rank() == 1) tutti::barrier(world);
            else std::ignore = world.split(0).size();
        });
    });
}
