#include "backends.hpp"

#include <tutti/collectives/all_gather.hpp>
#include <tutti/collectives/all_reduce.hpp>
#include <tutti/comm/solo.hpp>
#include <tutti/comm/threads.hpp>
#include <tutti/concepts/communicator.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

static_assert(tutti::communicator<tutti::comm::solo> && tutti::communicator<tutti::comm::threads>);
static_assert(!tutti::communicator<int>);

namespace {

/// Sets an environment variable for as long as it lives; only while no other thread runs.
class environment {
public:
    environment(char const* name, char const* value) : name_{name} {
        if (char const* const was = std::getenv(name)) was_ = was;
        if (value) setenv(name, value, 1);
        else unsetenv(name);
    }
    ~environment() {
        if (was_) setenv(name_, was_->c_str(), 1);
        else unsetenv(name_);
    }
    environment(environment const&) = delete;
    environment& operator=(environment const&) = delete;

private:
    char const* name_;
    std::optional<std::string> was_;
};

template <class Comm>
int size_of_launched(auto... ranks) {
    std::atomic<int> size = 0, bodies = 0;
    tutti::launch<Comm>(ranks..., [&](auto& world) {
        size = world.size();
        ++bodies;
    });
    CHECK(bodies == size);
    return size;
}

template <class Comm>
std::string usage_error_of(tutti::launch_options const& options) {
    try {
        tutti::launch<Comm>(options, [](auto&) { throw std::runtime_error{"a body ran"}; });
    } catch (tutti::usage_error const& problem) { return problem.what(); }
    return "nothing was thrown";
}

bool holds(std::string const& text, std::string const& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("ranks are 0 to size - 1, each once, and stay as they are") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        int const rank = world.rank(), size = world.size();
        expect(0 <= rank && rank < size, "rank in range");
        auto const ranks = tutti::all_gather(world, rank);
        expect.equal(ranks.size(), static_cast<std::size_t>(size), "as many as size");
        expect.all(
            ranks, [](std::size_t k) { return static_cast<int>(k); }, "in order");
        expect(world.rank() == rank && world.size() == size, "unchanged");
    });
}

TEST_CASE("launch runs the body once on every rank of a group of the size asked for") {
    for (int const ranks : laws::thread_ranks) CHECK(size_of_launched<tutti::comm::threads>(ranks) == ranks);
    CHECK(size_of_launched<tutti::comm::threads>(tutti::launch_options{.ranks = 3}) == 3);
    CHECK(size_of_launched<tutti::comm::solo>(1) == 1);
    CHECK(size_of_launched<tutti::comm::solo>() == 1);
}

TEST_CASE("launch of threads takes the number of ranks from TUTTI_RANKS, else the number of cores; an explicit one wins") {
    {
        environment const set{"TUTTI_RANKS", "3"};
        CHECK(size_of_launched<tutti::comm::threads>() == 3);
        CHECK(size_of_launched<tutti::comm::threads>(tutti::launch_options{}) == 3);
        CHECK(size_of_launched<tutti::comm::threads>(5) == 5);
        CHECK(size_of_launched<tutti::comm::solo>() == 1);
    }
    environment const none{"TUTTI_RANKS", nullptr};
    CHECK(size_of_launched<tutti::comm::threads>() == static_cast<int>(std::max(1u, std::thread::hardware_concurrency())));
}

TEST_CASE("launch refuses a TUTTI_RANKS that is no positive number, and runs nothing") {
    for (char const* const bad : {"", "0", "-2", "three", "4x", " 4", "4 ", "2.5", "99999999999999999999"}) {
        environment const set{"TUTTI_RANKS", bad};
        std::string const text = usage_error_of<tutti::comm::threads>({});
        CHECK_MESSAGE(holds(text, "TUTTI_RANKS"), text);
        CHECK_MESSAGE(holds(text, std::string{"'"}.append(bad).append("'")), text);
    }
}

TEST_CASE("launch refuses fewer than one rank, and runs nothing") {
    for (int const ranks : {0, -1, -1000}) {
        CHECK(holds(usage_error_of<tutti::comm::threads>({.ranks = ranks}), std::to_string(ranks)));
        CHECK(holds(usage_error_of<tutti::comm::solo>({.ranks = ranks}), std::to_string(ranks)));
    }
}

TEST_CASE("launch refuses a timeout that is not positive, and runs nothing") {
    for (int const timeout : {0, -5}) {
        CHECK(holds(usage_error_of<tutti::comm::threads>({.ranks = 2, .timeout = std::chrono::milliseconds{timeout}}), "timeout"));
        CHECK(holds(usage_error_of<tutti::comm::solo>({.ranks = 1, .timeout = std::chrono::milliseconds{timeout}}), "timeout"));
    }
}

TEST_CASE("solo has one rank and refuses others") {
    for (int const ranks : {2, 16}) {
        std::string const text = usage_error_of<tutti::comm::solo>({.ranks = ranks});
        CHECK(holds(text, "solo"));
        CHECK(holds(text, std::to_string(ranks)));
    }
}

TEST_CASE("launch rethrows what a body threw, whichever rank it ran on") {
    struct mine {
        int rank;
    };
    for (int const ranks : laws::thread_ranks)
        for (int const thrower : {0, ranks / 2, ranks - 1}) {
            int caught = -1;
            try {
                tutti::launch<tutti::comm::threads>(ranks, [&](auto& world) {
                    if (world.rank() == thrower) throw mine{thrower};
                });
            } catch (mine const& thrown) { caught = thrown.rank; }
            CHECK(caught == thrower);
        }
    CHECK_THROWS_WITH_AS(tutti::launch<tutti::comm::solo>(1, [](auto&) { throw std::out_of_range{"past the end"}; }),
                         "past the end", std::out_of_range);
}

TEST_CASE("abort ends the group of a rank that is alone with its text") {
    tutti::comm::solo world;
    CHECK_THROWS_WITH_AS(world.abort("no licence"), doctest::Contains("no licence"), tutti::error);
}

TEST_CASE("a launch may follow another, and may lie within one") {
    for (int turn = 0; turn < 20; ++turn) CHECK(size_of_launched<tutti::comm::threads>(3) == 3);
    laws::on_threads({2}, [](auto& outer, laws::expectation const& expect) {
        std::atomic<int> inner_ranks = 0;
        tutti::launch<tutti::comm::threads>(3, [&](auto& inner) {
            if (tutti::all_reduce(inner, 1) == inner.size()) ++inner_ranks;
        });
        expect.equal(inner_ranks.load(), 3, "ranks of a group within a group");
        expect.equal(tutti::all_reduce(outer, inner_ranks.load()), 6, "the outer group goes on");
    });
}
