#include "backends.hpp"

#include <tutti/collectives/all_gather.hpp>
#include <tutti/collectives/all_to_all.hpp>
#include <tutti/collectives/gather.hpp>
#include <tutti/collectives/reduce_scatter.hpp>
#include <tutti/collectives/scatter.hpp>
#include <tutti/comm/solo.hpp>

#include <cstddef>
#include <string>
#include <vector>

// Whatever ranks disagree about in calls whose parts differ, every rank gets `collective_mismatch` from that very call, although
// the buffers of each rank fit its own counts. Small calls and large ones; buffers are gone as soon as a rank has left.

namespace {

using counts = std::vector<std::size_t>;
using tutti::collective_mismatch;

std::size_t sum(counts const& list) {
    std::size_t whole = 0;
    for (std::size_t const each : list) whole += each;
    return whole;
}

/// The same whole, cut otherwise on the last rank.
counts cut(auto const& world, std::size_t scale, bool otherwise) {
    counts list(static_cast<std::size_t>(world.size()), scale);
    if (otherwise && world.rank() == world.size() - 1) list[0] += 1, list[1] -= 1;
    return list;
}

constexpr auto ranks = {2, 3, 5, 8};
constexpr std::size_t scales[] = {2, 1000};

}  // namespace

TEST_CASE("ranks that bring different lists of counts are told, with both lists") {
    for (std::size_t const scale : scales) {
        laws::on_threads(ranks, [&](auto& world, laws::expectation const& expect) {
            auto const list = cut(world, scale, true);
            std::vector<int> const mine(list[static_cast<std::size_t>(world.rank())]);
            std::vector<int> all(sum(list));
            auto const right = std::to_string(scale) + ", " + std::to_string(scale),
                       wrong = std::to_string(scale + 1) + ", " + std::to_string(scale - 1);
            expect.template throws<collective_mismatch>([&] { tutti::all_gather_v(world, mine, all, list); },
                                                        {"all_gather_v", "rank 0", "parts of " + right, "parts of " + wrong},
                                                        "lists");
        });
        laws::on_threads(ranks, [&](auto& world, laws::expectation const& expect) {
            auto const list = cut(world, scale, true);
            std::vector<int> const mine(list[static_cast<std::size_t>(world.rank())]);
            std::vector<int> all(sum(list));
            expect.template throws<collective_mismatch>([&] { tutti::gather_v(world, mine, all, list, 0); },
                                                        {"gather_v", "parts of"}, "gather_v");
        });
        laws::on_threads(ranks, [&](auto& world, laws::expectation const& expect) {
            auto const list = cut(world, scale, true);
            std::vector<int> mine(list[static_cast<std::size_t>(world.rank())]), all(sum(list));
            expect.template throws<collective_mismatch>([&] { tutti::start_scatter_v(world, all, mine, list, 1).wait(); },
                                                        {"scatter_v", "parts of"}, "start_scatter_v");
        });
        laws::on_threads(ranks, [&](auto& world, laws::expectation const& expect) {
            auto const list = cut(world, scale, true);
            std::vector<int> mine(list[static_cast<std::size_t>(world.rank())]), all(sum(list));
            expect.template throws<collective_mismatch>([&] { tutti::reduce_scatter_v(world, all, mine, list); },
                                                        {"reduce_scatter_v", "parts of"}, "reduce_scatter_v");
        });
    }
}

TEST_CASE("ranks of which one makes the form with counts and the others the one without are told") {
    for (std::size_t const scale : scales)
        laws::on_threads(ranks, [&](auto& world, laws::expectation const& expect) {
            auto const list = cut(world, scale, false);  // all parts alike: only the form differs
            std::vector<int> const mine(scale);
            std::vector<int> all(sum(list));
            auto call = [&] {
                if (world.rank() == 0) tutti::all_gather_v(world, mine, all, list);
                else tutti::all_gather(world, mine, all);
            };
            expect.template throws<collective_mismatch>(call, {"rank 0 called all_gather_v", "called all_gather of"}, "form");
        });
    laws::on_threads(ranks, [](auto& world, laws::expectation const& expect) {
        auto const p = static_cast<std::size_t>(world.size());
        std::vector<int> const mine(p);
        std::vector<int> all(p);
        auto call = [&] {
            if (world.rank() == 0) tutti::all_to_all_v(world, mine, counts(p, 1), all, counts(p, 1));
            else tutti::all_to_all(world, mine, all);
        };
        expect.template throws<collective_mismatch>(call, {"rank 0 called all_to_all_v", "called all_to_all of"}, "form");
    });
}

TEST_CASE("ranks of which two expect different numbers from each other are told, the others too") {
    for (bool const started : {false, true})
        for (std::size_t const scale : {std::size_t{0}, std::size_t{2}, std::size_t{1000}})
            laws::on_threads(ranks, [&](auto& world, laws::expectation const& expect) {
                auto const p = static_cast<std::size_t>(world.size());
                counts const sent(p, scale);
                counts received(p, scale);
                if (world.rank() == 0) received[1] += 3;
                std::vector<int> const mine(sum(sent));
                std::vector<int> all(sum(received));
                auto call = [&] {
                    if (started) tutti::start_all_to_all_v(world, mine, sent, all, received).wait();
                    else tutti::all_to_all_v(world, mine, sent, all, received);
                };
                expect.template throws<collective_mismatch>(
                    call,
                    {"all_to_all_v", "rank 1 sends " + std::to_string(scale), "rank 0, which expects " + std::to_string(scale + 3)},
                    "pair");
            });
    laws::on<tutti::comm::solo>("solo", {}, [](auto& world, laws::expectation const& expect) {
        std::vector<int> const mine(3);
        std::vector<int> all(2);
        expect.template throws<collective_mismatch>([&] { tutti::all_to_all_v(world, mine, counts{3}, all, counts{2}); },
                                                    {"all_to_all_v", "sends 3", "expects 2"}, "with itself");
    });
}
