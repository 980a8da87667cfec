#include <tutti/comm/hierarchical.hpp>
#include <tutti/tutti.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <vector>

using namespace std::chrono_literals;
using tutti::comm::solo;
using tutti::comm::threads;

namespace {

/// How many ranks get an `Error` with these words when each runs `call(world)`.
template <class Error, class Call>
int told(tutti::launch_options const& options, std::initializer_list<std::string_view> words, Call call) {
    std::vector<std::string> texts(static_cast<std::size_t>(*options.ranks));
    tutti::launch<threads>(options, [&](threads& world) {
        try {
            call(world);
        } catch (Error const& error) { texts[static_cast<std::size_t>(world.rank())] = error.what(); } catch (tutti::error const&) {
        }
    });
    int count = 0;
    for (auto const& text : texts) {
        if (text.empty()) continue;
        bool const all = std::all_of(words.begin(), words.end(), [&](auto word) { return text.find(word) != text.npos; });
        if (!all) MESSAGE(text);
        count += all;
    }
    return count;
}

}  // namespace

TEST_CASE("a split that one rank does not make is a mismatch on every rank") {
    CHECK(told<tutti::collective_mismatch>({.ranks = 3}, {"rank 0, rank 2 called split; rank 1 called barrier"}, [](auto& world) {
              if (world.rank() == 1) tutti::barrier(world);
              else std::ignore = world.split(0).size();
          }) == 3);
    CHECK(told<tutti::collective_mismatch>({.ranks = 2}, {"rank 0 called split; rank 1 called split_by_host"}, [](auto& world) {
              if (world.rank() == 1) std::ignore = world.split_by_host().size();
              else std::ignore = world.split(0).size();
          }) == 2);
    CHECK(told<tutti::peer_failed>({.ranks = 3}, {"cannot complete split", "rank 1 has left"}, [](auto& world) {
              if (world.rank() != 1) std::ignore = world.split(0).size();
          }) == 2);
}

TEST_CASE("a mismatch within a group is told in it by its ranks, and to those who wait in another group") {
    for (bool const messages : {false, true}) {
        auto run = [messages](threads& world) {
            auto part = world.split(world.rank() % 2);
            std::vector<float> x(part.rank() == 1 ? 17 : 16);
            if (world.rank() % 2 == 0) tutti::barrier(world);
            else if (!messages) tutti::all_reduce(part, x);
            else if (part.rank() == 0) tutti::send(part, x, 1);
            else tutti::receive(part, x, 0);
        };
        CHECK(told<tutti::collective_mismatch>({.ranks = 5}, {"rank 1", "17 x float", "(in the group of ranks 1, 3 of the launch)"},
                                               run) == 2);
        CHECK(told<tutti::peer_failed>({.ranks = 5}, {"cannot complete barrier", "17 x float", "(in the group of ranks 1, 3 of"},
                                       run) == 3);
    }
}

TEST_CASE("a rank that throws is told to those who wait in any group, and launch rethrows it") {
    for (int const thrower : {0, 3, 5}) {
        std::atomic<int> failed = 0;
        auto run = [&](threads& world) {
            try {
                auto part = world.split(world.rank() / 3);
                auto pair = part.split(part.rank() == 2 ? 1 : 0);
                if (world.rank() == thrower) throw std::runtime_error{"disk is full"};
                if (world.rank() == 2) tutti::barrier(world);
                else if (part.rank() == 2) tutti::barrier(part);
                else tutti::barrier(pair), tutti::barrier(world);
            } catch (tutti::peer_failed const& problem) {
                failed += std::string{problem.what()}.find("disk is full") != std::string::npos;
                throw;
            }
        };
        CHECK_THROWS_WITH_AS(tutti::launch<threads>(6, run), "disk is full", std::runtime_error);
        CHECK(failed == 5);
    }
}

TEST_CASE("an operation that throws in a group ends all groups, and launch rethrows it") {
    std::atomic<int> failed = 0;
    CHECK_THROWS_WITH_AS(tutti::launch<threads>(4,
                             [&](threads& world) {
                                 auto part = world.split(world.rank() % 2);
                                 std::vector<int> x(world.rank() % 2 == 0 ? 1 : 5000, world.rank());
                                 try {
                                     if (world.rank() % 2 == 0) tutti::barrier(world);
                                     tutti::all_reduce(part, x, [](int a, int b) {
                                         if (a + b > 2) throw std::runtime_error{"too large"};
                                         return a + b;
                                     });
                                 } catch (tutti::peer_failed const&) {
                                     ++failed;
                                     throw;
                                 }
                             }),
                         "too large", std::runtime_error);
    CHECK(failed >= 2);
}

TEST_CASE("abort of a group reaches those who wait in any, with its text") {
    CHECK(told<tutti::peer_failed>({.ranks = 4}, {"rank 1 aborted: no more", "(in the group of ranks 1, 3 of the launch)"},
                                   [](auto& world) {
                                       auto part = world.split(world.rank() % 2);
                                       if (world.rank() == 3) part.abort("no more");
                                       if (world.rank() == 1) tutti::barrier(part);
                                       tutti::barrier(world);
                                   }) == 4);
}

TEST_CASE("a rank that comes too late to a group is told with the call and who the ranks are") {
    CHECK(told<tutti::timeout_error>({.ranks = 3, .timeout = 60ms},
                                     {"all_reduce of 8 x float", "(call 1) timed out on rank 0",
                                      "rank 1 did not arrive, last in no call", "(in the group of ranks 1, 2 of the launch)"},
                                     [](auto& world) {
                                         auto part = world.split(world.rank() == 0 ? 0 : 1);
                                         std::vector<float> x(8);
                                         if (world.rank() == 1) tutti::all_reduce(part, x);
                                         else std::this_thread::sleep_for(300ms);
                                     }) == 1);
}

TEST_CASE("a rank that has let go of a group is named to those who wait for it there") {
    CHECK(told<tutti::peer_failed>({.ranks = 4}, {"rank 1 has left (last in barrier, call 1)"}, [](auto& world) {
              {
                  auto part = world.split(world.rank() % 2);
                  if (world.rank() % 2 == 1) {
                      tutti::barrier(part);
                      if (world.rank() == 1) std::ignore = tutti::all_reduce(part, 1);
                  }
              }
              tutti::barrier(world);
          }) == 4);
}

TEST_CASE("what was started on one group by an operation of its own moves on while a rank waits in another") {
    tutti::launch<threads>(4, [](threads& world) {
        auto part = world.split(world.rank() / 2);
        for (std::size_t const n : {std::size_t{2}, std::size_t{5000}})
            for (bool const starts_in_part : {false, true}) {
                threads &starts = starts_in_part ? part : world, &meets = starts_in_part ? world : part;
                std::vector<int> x(n, 1);
                auto running = tutti::start_all_reduce(starts, x, [](int a, int b) { return a + b; });
                if (world.rank() % 2 == 0) running.wait();
                CHECK(tutti::all_reduce(meets, 1) == meets.size());
                while (!running.ready()) std::this_thread::yield();
                CHECK(std::all_of(x.begin(), x.end(), [&](int each) { return each == starts.size(); }));
            }
    });
}

TEST_CASE("a started call that nobody asks for while other groups wait does not run out of time") {
    tutti::launch<threads>({.ranks = 2, .timeout = 400ms}, [](threads& world) {
        auto part = world.split(0);
        std::vector<int> x(3000, 1);
        tutti::pending running;
        if (world.rank() == 0) running = tutti::start_all_reduce(part, x);
        for (int k = 0; k < 6; ++k) {
            std::this_thread::sleep_for(k % 2 == world.rank() ? 100ms : 0ms);
            tutti::barrier(world);
        }
        if (world.rank() == 1) running = tutti::start_all_reduce(part, x);
        running.wait();
        CHECK(x[0] == 2);
    });
}

TEST_CASE("hosts may be invented for threads") {
    tutti::launch<threads>(6, [](threads& world) {
        tutti::comm::hierarchical two_level{world, world.rank() % 2};
        CHECK(two_level.hosts() == 2);
        CHECK(two_level.lanes() == 3);
        for (std::size_t const n : {std::size_t{1}, std::size_t{2000}, std::size_t{50'000}}) {
            std::vector<int> x(n, world.rank());
            tutti::all_reduce(two_level, x);
            CHECK(std::all_of(x.begin(), x.end(), [](int each) { return each == 15; }));
        }
    });
}

TEST_CASE("whatever a rank does on its groups when it throws, none hangs and launch rethrows it") {
    constexpr int ranks = 6;
    for (unsigned seed = 0; seed < 60; ++seed) {
        std::mt19937 chance{seed};
        int const thrower = static_cast<int>(chance() % ranks);
        int const last_turn = static_cast<int>(chance() % 30);
        std::atomic<int> ended = 0;
        auto run = [&](threads& world) {
            std::mt19937 same{seed + 1000};
            std::vector<std::unique_ptr<threads>> path;
            std::vector<tutti::pending> running;
            std::vector<std::unique_ptr<std::vector<int>>> data;  // of what runs
            struct in_order {  // what runs ends before its group does
                std::vector<tutti::pending>& running;
                std::vector<std::unique_ptr<threads>>& path;
                ~in_order() {
                    running.clear();
                    while (!path.empty()) path.pop_back();
                }
            };
            in_order const ends{running, path};
            try {
                for (int turn = 0;; ++turn) {
                    if (world.rank() == thrower && turn == last_turn) throw std::runtime_error{"thrown in turn"};
                    auto below = [&](int n) { return static_cast<int>(same() % static_cast<unsigned>(n)); };
                    auto const depth = static_cast<std::size_t>(below(static_cast<int>(path.size()) + 1));
                    threads& group = depth == 0 ? world : *path[depth - 1];
                    int const kind = below(5), n = below(2) == 0 ? 3 : 3000, shape = 1 + below(3);
                    int const p = group.size(), to = (group.rank() + 1) % p, from = (group.rank() + p - 1) % p;
                    data.push_back(std::make_unique<std::vector<int>>(n, 1));
                    data.push_back(std::make_unique<std::vector<int>>(n, 1));
                    auto& x = *data[data.size() - 2];
                    auto& y = *data.back();
                    if (kind == 0) {
                        running.clear();
                        while (path.size() > depth) path.pop_back();
                        path.push_back(std::unique_ptr<threads>{new threads(group.split(group.rank() / shape, -group.rank()))});
                    } else if (kind == 1) tutti::all_reduce(group, x);
                    else if (kind == 2) running.push_back(tutti::start_all_reduce(group, x));
                    else if (kind == 3) running.push_back(tutti::start_exchange(group, x, to, y, from));
                    else tutti::all_reduce(group, x, std::plus<>{}, tutti::algorithm::ring{});
                }
            } catch (...) {
                ++ended;
                throw;
            }
        };
        CHECK_THROWS_WITH_AS(tutti::launch<threads>(ranks, run), "thrown in turn", std::runtime_error);
        CHECK(ended == ranks);
    }
}

TEST_CASE("a group of one rank, and one of solo, need nobody") {
    tutti::launch<threads>(3, [](threads& world) {
        auto alone = world.split(world.rank());
        for (int k = 0; k < world.rank() * 5; ++k) CHECK(tutti::all_reduce(alone, k) == k);
        CHECK(alone.split(4).split_by_host().size() == 1);
    });
    tutti::launch<solo>([](solo& world) {
        CHECK(world.split(2).size() == 1);
        CHECK(world.split_by_host().size() == 1);
        CHECK_THROWS_AS(std::ignore = world.split(-2).size(), tutti::usage_error);
    });
}

TEST_CASE("a detached group ends with the launch, whichever thread waits in it") {
    CHECK(told<tutti::collective_mismatch>({.ranks = 2}, {"rank 0 called detach; rank 1 called split"}, [](auto& world) {
              if (world.rank() == 1) std::ignore = world.split(0).size();
              else std::ignore = world.detach().size();
          }) == 2);
    std::atomic<int> failed = 0;
    CHECK_THROWS_AS(tutti::launch<threads>(3, [&](threads& world) {
                        auto beside = world.detach();
                        if (world.rank() == 1) throw std::domain_error{"not today"};
                        std::thread other{[&] {
                            try {
                                tutti::barrier(beside);
                            } catch (tutti::peer_failed const& problem) {
                                failed += std::string{problem.what()}.find("not today") != std::string::npos;
                            }
                        }};
                        other.join();
                    }),
                    std::domain_error);
    CHECK(failed == 2);
}
