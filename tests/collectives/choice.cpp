#include "../laws/message_ranks.hpp"

#include <tutti/collectives/algorithm/hierarchical.hpp>
#include <tutti/collectives/algorithms.hpp>
#include <tutti/collectives/all_gather.hpp>
#include <tutti/collectives/all_reduce.hpp>
#include <tutti/collectives/all_to_all.hpp>
#include <tutti/collectives/automatic.hpp>
#include <tutti/collectives/barrier.hpp>
#include <tutti/collectives/broadcast.hpp>
#include <tutti/collectives/choice.hpp>
#include <tutti/collectives/exclusive_scan.hpp>
#include <tutti/collectives/scan.hpp>
#include <tutti/comm/threads.hpp>

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace tutti;

namespace {

constexpr std::array rows{
    choice{.kind = collective::all_reduce, .ranks = 4, .bytes = 100, .by = algorithm_id::one_shot},
    choice{.kind = collective::all_reduce, .ranks = 4, .commutes = true, .by = algorithm_id::ring},
    choice{.kind = collective::all_reduce, .bytes = 1000, .by = algorithm_id::recursive_doubling},
    choice{.kind = collective::barrier, .by = algorithm_id::dissemination},
};
static_assert(choose(rows, collective::all_reduce, 0, 4, false) == algorithm_id::one_shot);
static_assert(choose(rows, collective::all_reduce, 100, 4, false) == algorithm_id::one_shot);
static_assert(choose(rows, collective::all_reduce, 101, 4, true) == algorithm_id::ring);
static_assert(choose(rows, collective::all_reduce, 101, 4, false) == algorithm_id::recursive_doubling);
static_assert(choose(rows, collective::all_reduce, 100, 5, true) == algorithm_id::recursive_doubling);
static_assert(choose(rows, collective::all_reduce, 1001, 5, true) == algorithm_id::own);
static_assert(choose(rows, collective::barrier, 0, 1000, false) == algorithm_id::dissemination);
static_assert(choose(rows, collective::scan, 0, 1, false) == algorithm_id::own);
static_assert(choose(std::span<choice const>{}, collective::broadcast, 8, 2, true) == algorithm_id::own);

choice_table const table{{rows.begin(), rows.end()}};

std::string error_of(std::string const& text) {
    try {
        (void)parse_choices(text);
    } catch (usage_error const& problem) { return problem.what(); }
    return "nothing was thrown";
}

/// Runs `act(world)` on ranks of a group, and gives how many got a usage_error that holds each word.
template <class Comm = comm::threads>
int refusals(int ranks, std::vector<std::string> const& words, auto act) {
    std::atomic<int> told = 0;
    launch<Comm>(ranks, [&](auto& world) {
        try {
            act(world);
        } catch (usage_error const& problem) {
            bool all = true;
            for (auto const& word : words) all = all && std::string{problem.what()}.find(word) != std::string::npos;
            told += all;
        }
        // Nothing was sent: the group still works.
        if (all_reduce(world, 1) != world.size()) told = -1000;
    });
    return told;
}

/// Threads with a table of their own.
class picky : public comm::threads {
public:
    using comm::threads::threads;
    static choice_table const& choices() {
        static choice_table const mine{{{.kind = collective::all_reduce, .bytes = 64, .by = algorithm_id::one_shot},
                                        {.kind = collective::scan, .by = algorithm_id::hillis_steele}}};
        return mine;
    }
    void perform(call const& what) { ++performed, comm::threads::perform(what); }
    pending start(call const& what, std::shared_ptr<void const> kept) {
        ++started;
        return comm::threads::start(what, std::move(kept));
    }
    void announce(call const& what) { last = what.algorithm, comm::threads::announce(what); }

    int performed = 0, started = 0;
    algorithm_id last = algorithm_id::automatic;
};

void on_picky(int ranks, auto body) {
    detail::thread_group group{ranks, launch_options{}.timeout};
    std::vector<std::thread> all;
    for (int rank = 0; rank < ranks; ++rank)
        all.emplace_back([&, rank] {
            picky world{group, rank};
            body(world);
            group.leave(rank);
        });
    for (auto& each : all) each.join();
}

}  // namespace

TEST_CASE("the table for messages has, for every call, an algorithm that makes it and keeps the order it must") {
    for (int k = static_cast<int>(collective::barrier); k < static_cast<int>(collective::send); ++k)
        for (int const ranks : {1, 2, 3, 4, 5, 7, 8, 9, 64, 65, any_ranks})
            for (std::size_t bytes = 0; bytes <= std::size_t{1} << 40; bytes = bytes * 2 + 1)
                for (bool const commutes : {false, true}) {
                    auto const kind = static_cast<collective>(k);
                    auto const by = choose(message_choices, kind, bytes, ranks, commutes);
                    INFO(name(kind), " of ", bytes, " bytes on ", ranks, " ranks by ", name(by));
                    CHECK(makes(by, kind));
                    CHECK((!reduces(kind) || commutes || keeps_order(by)));
                }
}

TEST_CASE("a table goes through text and back") {
    choice_table every;
    for (int k = static_cast<int>(collective::barrier); k < static_cast<int>(collective::send); ++k)
        for (int by = 0; by <= static_cast<int>(algorithm_id::own); ++by)
            every.rows.push_back({static_cast<collective>(k), by + 1, static_cast<std::size_t>(by) << 40, by % 2 == 1,
                                  static_cast<algorithm_id>(by)});
    every.rows.push_back({collective::scan, any_ranks - 1, any_bytes - 1, false, algorithm_id::own});
    for (choice_table const& each :
         {choice_table{}, table, every, choice_table{{message_choices.begin(), message_choices.end()}}}) {
        CHECK(parse_choices(to_text(each)) == each);
        std::ostringstream out;
        out << each;
        CHECK(out.str() == to_text(each));
    }
    CHECK_THROWS_WITH_AS(to_text({{{.kind = collective::send}}}), doctest::Contains("send"), usage_error);
}

TEST_CASE("people may write tables by hand") {
    auto const found = parse_choices("\n# mine\ntutti choices 1  # and a remark\r\n\n  all_reduce\t4 100 any one_shot # small\r\n"
                                     "all_reduce 4 any commutes ring\nall_reduce any 1000 any recursive_doubling\n"
                                     "barrier any any any dissemination\nend\n\n# nothing\n");
    CHECK(found == table);
    CHECK(parse_choices("tutti choices 1\nend") == choice_table{});
}

TEST_CASE("a malformed text is refused with its line, what was expected and what was found") {
    auto refused = [](std::string const& text, std::initializer_list<char const*> words) {
        std::string const problem = error_of(text);
        for (char const* const word : words) {
            INFO(problem);
            CHECK(problem.find(word) != std::string::npos);
        }
    };
    std::string const head = "tutti choices 1\n";
    refused("", {"line 1:", "'tutti choices 1'", "the end of the text"});
    refused("tutti choices 2\nend\n", {"line 1:", "expected 'tutti choices 1'", "found 'tutti choices 2'"});
    refused(head, {"line 2:", "'end'", "the end of the text"});
    refused(head + "end\nend\n", {"line 3:", "nothing after", "'end'"});
    refused(head + "\n# x\nall_reduces 4 5 any ring\nend\n", {"line 4:", "a collective", "'all_reduces'"});
    refused(head + "send 4 5 any ring\nend\n", {"line 2:", "a collective", "'send'"});
    for (std::string const bad : {"0", "-1", "4x", "2.5", "99999999999", "2147483648"})
        refused(head + "scan " + bad + " 5 any ring\nend\n", {"line 2:", "a number of ranks", bad.c_str()});
    for (std::string const bad : {"-1", "4k", "1e3", "99999999999999999999999"})
        refused(head + "scan 1 " + bad + " any ring\nend\n", {"line 2:", "a number of bytes", bad.c_str()});
    refused(head + "scan 1 5 sometimes ring\nend\n", {"line 2:", "'any' or 'commutes'", "'sometimes'"});
    refused(head + "scan 1 5 any rings\nend\n", {"line 2:", "an algorithm", "'rings'"});
    refused(head + "scan 1 5 any ring ring\nend\n", {"line 2:", "the end of the line", "found 'ring'"});
    refused(head + "scan 1 5 any\nend\n", {"line 2:", "an algorithm", "found the end of the line"});
    // Cut anywhere, a text is no table.
    std::string const whole = to_text(table);
    for (std::size_t length = 0; length + 1 < whole.size(); ++length)
        CHECK(error_of(whole.substr(0, length)).starts_with("tutti: choices: line "));
}

TEST_CASE("a call is made by what the table names") {
    for (int const ranks : {1, 2, 3, 5})
        launch<comm::threads>(ranks, [&](auto& world) {
            auto const by = algorithm::chosen_by{table};
            int wrong = 0;
            for (std::size_t const n : std::vector<std::size_t>{1, 30, 200, 1000}) {
                std::vector<int> x(n, world.rank() + 1);
                all_reduce(world, x, std::plus<>{}, by);
                for (int const each : x) wrong += each != ranks * (ranks + 1) / 2;
            }
            barrier(world, by);
            std::vector<int> mine(3, 1), sums(3);
            scan(world, mine, sums, std::plus<>{}, by);  // no row: the communicator's own
            wrong += sums != std::vector<int>(3, world.rank() + 1);
            if (wrong) world.abort("wrong results");
        });
}

TEST_CASE("calls without an algorithm follow the communicator's own table") {
    std::atomic<int> wrong = 0;
    on_picky(3, [&](picky& world) {
        std::vector<float> few(16, 1), many(17, 1);
        all_reduce(world, few);
        wrong += world.performed != 0 || world.last != algorithm_id::one_shot || few[15] != 3;
        all_reduce(world, many);
        wrong += world.performed != 1 || many[16] != 3;
        start_all_reduce(world, few).wait();
        wrong += world.started != 0 || few[3] != 9;
        start_all_reduce(world, many).wait();
        wrong += world.started != 1 || many[3] != 9;
        wrong += scan(world, 1) != world.rank() + 1 || world.last != algorithm_id::hillis_steele || world.performed != 1;
    });
    CHECK(wrong == 0);
}

TEST_CASE("a table that names what cannot make the call is refused on every rank before anything is sent") {
    auto one = [](collective kind, algorithm_id by) { return choice_table{{{.kind = kind, .by = by}}}; };
    std::vector<int> in(4);
    auto const minus = [](int a, int b) { return a - b; };
    for (int const ranks : {1, 2, 3}) {
        for (auto const by : {algorithm_id::bruck, algorithm_id::hierarchical, algorithm_id::automatic}) {
            auto const wrong = one(collective::all_reduce, by);
            CHECK(refusals(ranks, {"all_reduce of 4 x int", std::string{name(by)}, "not known to make"}, [&](auto& world) {
                      std::vector<int> x(4);
                      all_reduce(world, x, std::plus<>{}, algorithm::chosen_by{wrong});
                  }) == ranks);
        }
        auto const wrong = one(collective::all_reduce, algorithm_id::ring);
        CHECK(refusals(ranks, {"ring", "not known to commute"}, [&](auto& world) {
                  std::vector<int> x(4);
                  all_reduce(world, x, minus, algorithm::chosen_by{wrong});
              }) == ranks);
        auto const barriers = one(collective::barrier, algorithm_id::ring);
        CHECK(refusals<laws::message_ranks>(ranks, {"barrier", "ring"},
                                            [&](auto& world) { barrier(world, algorithm::chosen_by{barriers}); }) == ranks);
    }
}

TEST_CASE("a hierarchy that the ranks do not make up is refused on every rank before anything is sent") {
    for (int const q : {2, 5, 0, -1})
        CHECK(refusals(3, {"hierarchical"}, [&](auto& world) {
                  std::vector<int> x(4);
                  all_reduce(world, x, std::plus<>{},
                             algorithm::hierarchical<algorithm::two_shot, algorithm::recursive_doubling>{{}, {}, q});
              }) == 3);
}

TEST_CASE("ranks whose tables differ are told") {
    std::atomic<int> told = 0;
    launch<comm::threads>(3, [&](auto& world) {
        choice_table const mine{{{.kind = collective::broadcast,
                                  .by = world.rank() == 1 ? algorithm_id::binomial : algorithm_id::scatter_all_gather}}};
        std::vector<int> x(8);
        try {
            broadcast(world, x, 0, algorithm::chosen_by{mine});
        } catch (collective_mismatch const& problem) {
            told += std::string{problem.what()}.find("by binomial") != std::string::npos;
        }
    });
    CHECK(told == 3);
}

TEST_CASE("barriers and scans take an algorithm") {
    for (int const ranks : {1, 2, 3, 8}) {
        std::atomic<int> arrived = 0, early = 0, wrong = 0;
        launch<comm::threads>(ranks, [&](auto& world) {
            for (int turn = 1; turn <= 20; ++turn) {
                ++arrived;
                barrier(world, algorithm::dissemination{});
                early += arrived < turn * ranks;
            }
            int const r = world.rank();
            std::vector<int> in(5, r + 1), out(5);
            scan(world, in, out, std::plus<>{}, algorithm::hillis_steele{});
            wrong += out != std::vector<int>(5, (r + 1) * (r + 2) / 2);
            exclusive_scan(world, in, out, 100, std::plus<>{}, algorithm::hillis_steele{});
            wrong += out != std::vector<int>(5, 100 + r * (r + 1) / 2);
        });
        CHECK(early == 0);
        CHECK(wrong == 0);
    }
}
