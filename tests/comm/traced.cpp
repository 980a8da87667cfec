#include "../laws/message_ranks.hpp"

#include <tutti/comm/hierarchical.hpp>
#include <tutti/tutti.hpp>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

using laws::message_ranks;
using nlohmann::json;
using tutti::collective;
using tutti::comm::checked;
using tutti::comm::solo;
using tutti::comm::threads;
using tutti::comm::traced;

static_assert(tutti::communicator<traced<solo>> && tutti::communicator<traced<checked<threads>>>);
static_assert(!std::is_copy_constructible_v<traced<threads>>);
static_assert(tutti::starts_messages<traced<threads>> && tutti::starts_rounds<traced<threads>> &&
              tutti::comm::knows_hosts<traced<checked<threads>>>);
static_assert(tutti::communicator<traced<message_ranks>> && !tutti::performs_collectives<traced<message_ranks>> &&
              !tutti::starts_collectives<traced<message_ranks>> && !tutti::starts_messages<traced<message_ranks>> &&
              !tutti::gives_memory<traced<message_ranks>>);

namespace {

/// A file that is gone at the end.
struct temporary {
    std::string path = "traced_test_" + std::to_string(std::chrono::steady_clock::now().time_since_epoch().count()) + ".json";
    ~temporary() { std::remove(path.c_str()); }
};

/// The events of the trace of a launch of `body`, but for metadata; by track.
template <class Comm = traced<threads>>
std::map<int, std::vector<json>> tracks_of(int ranks, auto body) {
    temporary const file;
    tutti::launch<Comm>(ranks, [&](auto& world) {
        body(world);
        world.write_trace(file.path);
    });
    json const trace = json::parse(std::ifstream{file.path});
    std::map<int, std::vector<json>> tracks;
    std::map<int, std::string> names;
    for (json const& each : trace.at("traceEvents")) {
        CHECK(each.at("pid") == 0);
        int const track = each.at("tid");
        if (each.at("ph") != "M") tracks[track].push_back(each);
        else if (each.at("name") == "thread_name") names[track] = each.at("args").at("name");
    }
    CHECK(static_cast<int>(names.size()) == ranks);
    for (int rank = 0; rank < ranks; ++rank) CHECK(names[rank] == "rank " + std::to_string(rank));
    return tracks;
}

std::size_t bytes(json const& event) { return event.at("args").at("bytes"); }

template <char Letter>
struct lettered {
    int x;
};

}  // namespace

TEST_CASE("a trace has one track per rank and one event per call, in order, with bytes, elements and algorithm") {
    for (int const ranks : {1, 2, 3}) {
        auto tracks = tracks_of(ranks, [](auto& world) {
            auto const p = static_cast<std::size_t>(world.size()), me = static_cast<std::size_t>(world.rank());
            std::vector<float> x(10), all(10 * p);
            tutti::all_reduce(world, x);
            tutti::barrier(world);
            tutti::all_gather(world, x, all);
            tutti::gather(world, x, all, 0);
            tutti::reduce_scatter(world, all, x);
            tutti::all_reduce(world, x, std::plus<>{}, tutti::algorithm::ring{});
            std::vector<std::size_t> counts(p);
            for (std::size_t k = 0; k < p; ++k) counts[k] = k + 1;
            std::vector<double> const mine(me + 1);
            std::vector<double> whole(p * (p + 1) / 2);
            tutti::all_gather_v(world, mine, whole, counts);
            tutti::broadcast(world, whole, 0);
        });
        CHECK(static_cast<int>(tracks.size()) == ranks);
        auto const p = static_cast<std::size_t>(ranks);
        for (auto const& [rank, events] : tracks) {
            std::vector<std::tuple<std::string, std::size_t, std::string>> found,
                wanted{
                    {"all_reduce", 40, "automatic"},
                    {"barrier", 0, "automatic"},
                    {"all_gather", 40 * p, "automatic"},
                    {"gather", rank == 0 ? 40 * p : 40, "automatic"},
                    {"reduce_scatter", 40 * p, "automatic"},
                    {"all_reduce", 40, "ring"},
                    {"all_gather_v", 4 * p * (p + 1), "automatic"},
                    {"broadcast", 4 * p * (p + 1), "automatic"},
                };
            double before = 0;
            for (json const& each : events) {
                CHECK(each.at("ph") == "X");
                found.emplace_back(each.at("name"), bytes(each), each.at("args").at("algorithm"));
                CHECK(each.at("ts") >= before);
                CHECK(each.at("dur") >= 0);
                before = each.at("ts").get<double>() + each.at("dur").get<double>() - 0.002;  // rounded down, both
            }
            CHECK(found == wanted);
        }
    }
}

TEST_CASE("messages are events of the elements that they move, and a scatter has those that its root brings") {
    auto tracks = tracks_of(2, [](auto& world) {
        std::vector<int> five(5), three(3), four(4), seven(7), all(8);
        if (world.rank() == 0) tutti::send(world, five, 1), tutti::exchange(world, three, 1, four, 1);
        else tutti::receive(world, five, 0), tutti::exchange(world, four, 0, three, 0);
        tutti::scatter(world, all, four, 1);
        // rank 0 sends 1 and 2, gets 1 and 6; rank 1 sends 6 and 1, gets 2 and 1
        auto const here = static_cast<std::size_t>(world.rank());
        tutti::all_to_all_v(world, std::vector<int>(here ? 7 : 3),
                            here ? std::vector<std::size_t>{6, 1} : std::vector<std::size_t>{1, 2}, here ? three : seven,
                            here ? std::vector<std::size_t>{2, 1} : std::vector<std::size_t>{1, 6});
    });
    using list = std::vector<std::pair<std::string, std::size_t>>;
    auto list_of = [&](int rank) {
        list found;
        for (json const& each : tracks[rank]) found.emplace_back(each.at("name"), bytes(each));
        return found;
    };
    CHECK(list_of(0) == list{{"send", 20}, {"exchange", 16}, {"scatter", 16}, {"all_to_all_v", 28}});
    CHECK(list_of(1) == list{{"receive", 20}, {"exchange", 16}, {"scatter", 32}, {"all_to_all_v", 28}});
}

TEST_CASE("the spans of one barrier overlap on all tracks") {
    auto tracks = tracks_of(4, [](auto& world) {
        for (int k = 0; k < 20; ++k) tutti::barrier(world);
    });
    for (std::size_t k = 0; k < 20; ++k) {
        double last_begin = 0, first_end = 1e300;
        for (auto const& [rank, events] : tracks) {
            double const begin = events.at(k).at("ts"), duration = events.at(k).at("dur");
            last_begin = std::max(last_begin, begin), first_end = std::min(first_end, begin + duration);
        }
        CHECK(last_begin <= first_end + 0.002);  // rounded down, all
    }
}

TEST_CASE("a started call is a span from its start to its completion, under a name of its own") {
    tutti::comm::trace_summary summary;
    auto tracks = tracks_of(2, [&](auto& world) {
        std::vector<float> x(1000), y(7);
        auto first = tutti::start_all_reduce(world, x);
        auto second = tutti::start_broadcast(world, y, 1);
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
        second.wait();
        while (!first.ready()) std::this_thread::yield();
        first.wait();  // complete; adds nothing
        { auto const dropped = tutti::start_barrier(world); }
        if (world.rank() == 0) summary = world.summary();
    });
    CHECK(tracks.size() == 2);
    std::set<std::string> ids;
    for (auto const& [rank, events] : tracks) {
        CHECK(events.size() == 6);
        std::map<std::string, std::map<std::string, json>> spans;  // by id, by phase
        for (json const& each : events) {
            CHECK(each.at("cat") == "started");
            spans[each.at("id")][each.at("ph")] = each;
            ids.insert(each.at("id"));
        }
        for (auto& [id, span] : spans) {
            CHECK(span.size() == 2);
            CHECK(span.at("b").at("name") == span.at("e").at("name"));
            double const took = span.at("e").at("ts").get<double>() - span.at("b").at("ts").get<double>();
            std::string const name = span.at("b").at("name");
            CHECK(bytes(span.at("b")) == (name == "all_reduce" ? 4000u : name == "broadcast" ? 28u : 0u));
            if (name != "barrier") CHECK(took >= 20'000);
            if (name != "barrier" && rank == 0)  // the sleep is no time of the call's
                CHECK(summary.of(name == "broadcast" ? collective::broadcast : collective::all_reduce).seconds * 1e6 <=
                      took - 19'990);
        }
    }
    CHECK(ids.size() == 6);
}

TEST_CASE("what only exchanges messages is traced, a schedule as one event") {
    auto tracks = tracks_of<traced<message_ranks>>(3, [](auto& world) {
        std::vector<int> x(50, 1);
        tutti::all_reduce(world, x);
        CHECK(x[49] == 3);
        if (world.rank() == 0) tutti::send(world, x, 1);
        if (world.rank() == 1) tutti::receive(world, x, 0);
    });
    for (auto const& [rank, events] : tracks) {
        CHECK(events.size() == (rank == 2 ? 1 : 2));
        CHECK(events[0].at("name") == "all_reduce");
        CHECK(bytes(events[0]) == 200);
        if (rank < 2) CHECK(events[1].at("name") == (rank == 0 ? "send" : "receive"));
    }
}

TEST_CASE("a group that was split off has notes of its own, started messages are spans, and memory is the wrapped one's") {
    tutti::launch<threads>(4, [](threads& plain) {
        tutti::comm::hierarchical two_level{plain, plain.rank() / 2};
        traced world{two_level};
        traced<threads> part = world.split(world.rank() % 2);
        auto host = part.split_by_host();
        CHECK(host.size() == 2);
        auto const in = part.allocate<int>(100);
        std::vector<int> const out(100, part.rank());
        auto running = tutti::start_exchange(part, out, 1 - part.rank(), in, 1 - part.rank());
        tutti::barrier(world);
        running.wait();
        CHECK(in[99] == 1 - part.rank());
        tutti::barrier(host);
        CHECK(part.summary().rows.size() == 1);
        CHECK(part.summary().of(collective::exchange).calls == 1);
        CHECK(part.summary().of(collective::exchange).bytes == 400);
        CHECK(host.summary().of(collective::barrier).calls == 1);
        CHECK(world.summary().of(collective::barrier).calls == 1);
        CHECK(world.summary().rows.size() == 1);
    });
}

TEST_CASE("a message that is compared on top of a trace is one event there") {
    tutti::launch<traced<threads>>(2, [](auto& trace) {
        checked world{trace};
        std::vector<int> data(30, world.rank());
        auto running = world.rank() == 0 ? tutti::start_send(world, data, 1) : tutti::start_receive(world, data, 0);
        running.wait();
        CHECK(data[0] == 0);
        auto const summary = trace.summary();
        CHECK(summary.of(world.rank() == 0 ? collective::send : collective::receive).calls == 1);
        CHECK(summary.of(world.rank() == 0 ? collective::send : collective::receive).bytes == 120);
    });
}

TEST_CASE("the summary counts calls, bytes and time per collective, and prints them") {
    tutti::launch<traced<threads>>(3, [](auto& world) {
        CHECK(world.summary().rows.empty());
        std::vector<double> x(10);
        for (int k = 0; k < 5; ++k) tutti::all_reduce(world, x);
        tutti::all_reduce(world, x, std::plus<>{}, tutti::algorithm::recursive_doubling{});
        tutti::start_all_reduce(world, x).wait();
        if (world.rank() == 1) std::this_thread::sleep_for(std::chrono::milliseconds{20});
        tutti::barrier(world);
        auto const summary = world.summary();
        CHECK(summary.rows.size() == 2);
        CHECK(summary.of(collective::all_reduce).calls == 7);
        CHECK(summary.of(collective::all_reduce).bytes == 7 * 80);
        CHECK(summary.of(collective::barrier).calls == 1);
        CHECK(summary.of(collective::barrier).bytes == 0);
        CHECK(summary.of(collective::gather).calls == 0);
        CHECK(summary.of(collective::all_reduce).seconds > 0);
        std::string const table = summary.table();
        CHECK(std::count(table.begin(), table.end(), '\n') == 4);
        for (char const* const words :
             {"calls", "bytes", "all_reduce               7             560", "barrier", "together                 8"})
            CHECK_MESSAGE(table.find(words) != std::string::npos, table);
        world.clear();
        CHECK(world.summary().rows.empty());
        auto const running = tutti::start_barrier(world);
        if (world.rank() == 2) CHECK_THROWS_AS(world.clear(), tutti::usage_error);
    });
}

TEST_CASE("names are escaped as JSON wants them") {
    auto tracks = tracks_of(1, [](auto& world) {
        std::vector<lettered<'"'>> quote(2);
        std::vector<lettered<'\\'>> backslash(3);
        tutti::broadcast(world, quote, 0);
        tutti::broadcast(world, backslash, 0);
        std::ignore = tutti::all_reduce(world, 1);
    });
    CHECK(tracks[0][0].at("args").at("type") == tutti::detail::type_name<lettered<'"'>>());
    CHECK(tracks[0][1].at("args").at("type") == tutti::detail::type_name<lettered<'\\'>>());
    CHECK(tracks[0][2].at("args").at("operation") == tutti::detail::type_name<std::plus<>>());
    CHECK(tutti::detail::json_string("a\n\x01\"\\z") == R"("a\u000a\u0001\"\\z")");
    CHECK(json::parse(tutti::detail::json_string("a\n\x01\"\\z")) == "a\n\x01\"\\z");
}

TEST_CASE("times are written to the nanosecond, before the beginning too") {
    using std::chrono::nanoseconds;
    CHECK(tutti::detail::json_microseconds(nanoseconds{0}) == "0.000");
    CHECK(tutti::detail::json_microseconds(nanoseconds{1'234'005}) == "1234.005");
    CHECK(tutti::detail::json_microseconds(nanoseconds{-70}) == "-0.070");
}

TEST_CASE("a file that cannot be written is told on every rank, and the group goes on") {
    std::atomic<int> told = 0;
    tutti::launch<traced<threads>>(3, [&](auto& world) {
        try {
            world.write_trace("/no/such/folder/trace.json");
        } catch (tutti::error const& problem) { told += std::string{problem.what()}.find("/no/such/folder") != std::string::npos; }
        CHECK(tutti::all_reduce(world, 1) == 3);
        CHECK(world.summary().of(collective::all_reduce).calls == 1);  // nothing else was noted
    });
    CHECK(told == 3);
}

TEST_CASE("a call that throws is noted and thrown, and a running one can be written") {
    auto tracks = tracks_of<traced<checked<threads>>>(2, [](auto& world) {
        std::vector<int> x(world.rank() == 0 ? 3 : 4), y(5);
        CHECK_THROWS_AS(tutti::all_reduce(world, x), tutti::collective_mismatch);
        CHECK_THROWS_AS(std::ignore = tutti::start_all_reduce(world, x), tutti::collective_mismatch);
        tutti::barrier(world);
    });
    for (auto const& [rank, events] : tracks) {
        CHECK(events.size() == 4);
        CHECK(bytes(events[0]) == (rank == 0 ? 12u : 16u));
        CHECK(events[3].at("name") == "barrier");
    }
    temporary const file;
    tutti::launch<traced<threads>>(2, [&](auto& world) {
        std::vector<int> x(5);
        auto const running = tutti::start_all_reduce(world, x);
        world.write_trace(file.path);
    });
    CHECK(json::parse(std::ifstream{file.path}).at("traceEvents").size() == 9);  // a name, two per rank, two phases per call
}

TEST_CASE("calls of a detached group are noted by its thread, in the summary, and on a track of their own in the trace") {
    temporary const file;
    tutti::launch<traced<threads>>(2, [&](auto& world) {
        auto beside = world.detach();
        std::vector<float> x(1000), y(10);
        std::thread other{[&] {
            for (int k = 0; k < 50; ++k) tutti::all_reduce(beside, x);
        }};
        for (int k = 0; k < 50; ++k) {
            tutti::broadcast(world, y, 0);
            CHECK(world.summary().of(collective::all_reduce).calls <= 50);
        }
        other.join();
        CHECK(world.summary().of(collective::all_reduce).calls == 50);
        CHECK(world.summary().of(collective::broadcast).calls == 50);
        CHECK(beside.summary().of(collective::all_reduce).bytes == 50 * 4000);
        world.write_trace(file.path);
        world.clear();
        CHECK(world.summary().of(collective::all_reduce).calls == 0);
    });
    std::map<int, int> sums;
    std::map<int, std::string> names;
    json const trace = json::parse(std::ifstream{file.path});
    for (json const& each : trace.at("traceEvents")) {
        int const track = each.at("tid");
        if (each.at("name") == "thread_name") names[track] = each.at("args").at("name");
        if (each.at("name") == "all_reduce") ++sums[track];
    }
    CHECK(names == std::map<int, std::string>{{0, "rank 0"}, {1, "rank 1"}, {2, "rank 0, detached"}, {3, "rank 1, detached"}});
    CHECK(sums == std::map<int, int>{{2, 50}, {3, 50}});
}
