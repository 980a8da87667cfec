#include <tutti/tutti.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <initializer_list>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace {

bool says(std::string const& text, std::initializer_list<std::string_view> words) {
    bool const all = std::all_of(words.begin(), words.end(), [&](auto word) { return text.find(word) != std::string::npos; });
    if (!all) MESSAGE(text);
    return all;
}

/// How many of `ranks` ranks get an `Error` with these words when each runs `call(world)`.
template <class Error, class Call>
int told(int ranks, std::initializer_list<std::string_view> words, Call call) {
    std::atomic<int> count = 0;
    std::vector<std::string> texts(static_cast<std::size_t>(ranks));
    tutti::launch<tutti::comm::threads>(ranks, [&](auto& world) {
        try {
            call(world);
        } catch (Error const& error) {
            texts[static_cast<std::size_t>(world.rank())] = error.what();
        }
    });
    for (auto const& text : texts) count += !text.empty() && says(text, words);
    return count;
}

}  // namespace

TEST_CASE("a different element type is a mismatch on every rank") {
    CHECK(told<tutti::collective_mismatch>(3, {"rank 1", "float", "int"}, [](auto& world) {
              std::vector<float> x(8);
              std::vector<int> y(8);
              if (world.rank() == 1) tutti::all_reduce(world, y);
              else tutti::all_reduce(world, x);
          }) == 3);
}

TEST_CASE("a different operation is a mismatch on every rank") {
    CHECK(told<tutti::collective_mismatch>(3, {"rank 0", "plus", "multiplies"}, [](auto& world) {
              std::vector<float> x(8);
              if (world.rank() == 0) tutti::all_reduce(world, x, std::multiplies<>{});
              else tutti::all_reduce(world, x);
          }) == 3);
}

TEST_CASE("a different root is a mismatch on every rank") {
    CHECK(told<tutti::collective_mismatch>(4, {"rank 3", "root 1", "root 2"}, [](auto& world) {
              std::vector<float> x(8);
              tutti::broadcast(world, x, world.rank() == 3 ? 1 : 2);
          }) == 4);
}

TEST_CASE("other settings of an algorithm are a mismatch on every rank; its defaults are those that a table gives it") {
    using namespace tutti::algorithm;
    CHECK(told<tutti::collective_mismatch>(
              3, {"rank 0, rank 1 called", "segmented_ring with settings 4; rank 2 called", "segmented_ring with settings 8"},
              [](auto& world) {
                  std::vector<float> x(100);
                  tutti::all_reduce(world, x, std::plus<>{}, segmented_ring{.segments = world.rank() == 2 ? 8 : 4});
              }) == 3);
    CHECK(told<tutti::collective_mismatch>(2, {"by double_tree with settings 3; rank 1", "by double_tree with settings 1"},
                                           [](auto& world) {
                                               std::vector<float> x(100);
                                               tutti::broadcast(world, x, 0, double_tree{.segments = world.rank() ? 1 : 3});
                                           }) == 2);
    auto of_hosts = [](auto& world, auto inner, auto other, int usual, int odd) {
        std::vector<float> x(100);
        if (world.rank() != 3) tutti::broadcast(world, x, 0, hierarchical<decltype(inner), binomial>{inner, {}, usual});
        else tutti::broadcast(world, x, 0, hierarchical<decltype(other), binomial>{other, {}, odd});
    };
    auto told_of_hosts = [&](auto inner, auto other, int usual, int odd) {
        return told<tutti::collective_mismatch>(4, {"rank 0, rank 1, rank 2 called", "by hierarchical with settings", "rank 3"},
                                                [&](auto& world) { of_hosts(world, inner, other, usual, odd); });
    };
    CHECK(told_of_hosts(binomial{}, binomial{}, 2, 4) == 4);
    CHECK(told_of_hosts(binomial{}, scatter_all_gather{}, 2, 2) == 4);
    CHECK(told_of_hosts(double_tree{.segments = 1}, double_tree{.segments = 2}, 2, 2) == 4);
    CHECK(told_of_hosts(double_tree{.segments = 2}, double_tree{.segments = 2}, 2, 2) == 0);

    tutti::choice_table const table{{{.kind = tutti::collective::broadcast, .by = tutti::algorithm_id::segmented_ring}}};
    CHECK(told<tutti::collective_mismatch>(2, {}, [&](auto& world) {
              std::vector<float> x(100);
              if (world.rank() == 0) tutti::broadcast(world, x, 0, chosen_by{table});
              else tutti::broadcast(world, x, 0, segmented_ring{});
          }) == 0);
}

TEST_CASE("a small call against a large one is a mismatch on every rank") {
    CHECK(told<tutti::collective_mismatch>(2, {"rank 0", "rank 1", "8 x double", "80000 x double"}, [](auto& world) {
              std::vector<double> x(world.rank() ? 80000 : 8);
              tutti::all_reduce(world, x);
          }) == 2);
}

TEST_CASE("a mismatch among started calls reaches every rank's wait") {
    CHECK(told<tutti::collective_mismatch>(3, {"rank 2", "all_gather", "all_reduce"}, [](auto& world) {
              std::vector<double> x(100), y(300);
              auto pending = world.rank() == 2 ? tutti::start_all_gather(world, x, y) : tutti::start_all_reduce(world, x);
              pending.wait();
          }) == 3);
}

TEST_CASE("after a mismatch every further call fails and quotes it") {
    CHECK(told<tutti::peer_failed>(3, {"barrier", "rank 1 called broadcast"}, [](auto& world) {
              std::vector<float> x(8);
              try {
                  if (world.rank() == 1) tutti::broadcast(world, x, 0);
                  else tutti::all_reduce(world, x);
              } catch (tutti::collective_mismatch const&) {
              }
              tutti::barrier(world);
          }) == 3);
}

TEST_CASE("a rank that leaves early is named to those that wait for it") {
    CHECK(told<tutti::peer_failed>(3, {"rank 2", "has left", "barrier, call 1", "all_reduce"}, [](auto& world) {
              tutti::barrier(world);
              if (world.rank() == 2) return;
              std::vector<float> x(8);
              tutti::all_reduce(world, x);
          }) == 2);
}

TEST_CASE("abort reaches ranks that wait, with its text") {
    CHECK(told<tutti::peer_failed>(4, {"rank 0", "aborted", "disk is full"}, [](auto& world) {
              if (world.rank() == 0) world.abort("disk is full");
              tutti::barrier(world);
          }) == 4);
}

TEST_CASE("an operation that throws ends a large call on every rank, and launch rethrows it") {
    std::atomic<int> failed = 0;
    CHECK_THROWS_WITH_AS(tutti::launch<tutti::comm::threads>(4,
                             [&](auto& world) {
                                 std::vector<int> x(10'000, world.rank());
                                 int const rank = world.rank();
                                 try {
                                     tutti::all_reduce(world, x, [rank](int a, int b) {
                                         if (rank == 2) throw std::domain_error{"not a number"};
                                         return a + b;
                                     });
                                 } catch (tutti::peer_failed const& error) {
                                     failed += says(error.what(), {"rank 2", "not a number", "all_reduce"});
                                 }
                             }),
                         "not a number", std::domain_error);
    CHECK(failed == 3);
}

TEST_CASE("polling a started call ends by error too: on a peer that failed, and on one that is late") {
    CHECK(told<tutti::peer_failed>(3, {"rank 1", "has left"}, [](auto& world) {
              if (world.rank() == 1) return;
              std::vector<float> x(8);
              auto pending = tutti::start_all_reduce(world, x);
              while (!pending.ready()) std::this_thread::yield();
          }) == 2);
    std::atomic<int> late = 0;
    tutti::launch<tutti::comm::threads>({.ranks = 2, .timeout = 50ms}, [&](auto& world) {
        if (world.rank() == 1) return std::this_thread::sleep_for(300ms);
        std::vector<float> x(8);
        auto pending = tutti::start_all_reduce(world, x);
        try {
            while (!pending.ready()) std::this_thread::yield();
        } catch (tutti::timeout_error const& error) {
            late += says(error.what(), {"rank 1 did not arrive", "rank 0 arrived", "50 ms", "no call yet"});
        }
    });
    CHECK(late == 1);
}

TEST_CASE("the exception that launch rethrows is that of the rank that failed first, not of those it took along") {
    CHECK_THROWS_AS(tutti::launch<tutti::comm::threads>(4,
                        [](auto& world) {
                            if (world.rank() == 3) throw std::out_of_range{"first"};
                            tutti::barrier(world);
                        }),
                    std::out_of_range);
    CHECK_THROWS_AS(tutti::launch<tutti::comm::threads>(2,
                        [](auto& world) {
                            if (world.rank() == 1) throw 42;
                            tutti::barrier(world);
                        }),
                    int);
}

TEST_CASE("ranks that sleep in a call are woken by the last to arrive") {
    tutti::launch<tutti::comm::threads>(8, [&](auto& world) {
        for (int round = 0; round < 8; ++round) {
            if (world.rank() == round) std::this_thread::sleep_for(15ms);    // long enough for the others to block
            CHECK(tutti::all_reduce(world, 1) == 8);
        }
    });
}

TEST_CASE("groups are independent: a failure in an inner one leaves the outer one whole") {
    tutti::launch<tutti::comm::threads>(3, [&](auto& world) {
        int inner_failed = 0;
        try {
            tutti::launch<tutti::comm::threads>(2, [&](auto& inner) {
                if (inner.rank() == 1) throw std::runtime_error{"inner"};
                tutti::barrier(inner);
            });
        } catch (std::runtime_error const&) {
            inner_failed = 1;
        }
        CHECK(tutti::all_reduce(world, inner_failed) == 3);
    });
}

TEST_CASE("two lambdas of one function are two operations, though compilers may give them one name") {
    std::atomic<int> told = 0;
    tutti::launch<tutti::comm::threads>(2, [&](auto& world) {
        int x = world.rank() + 1;
        auto const add = [](int a, int b) { return a + b; };
        auto const multiply_and_add = [](int a, int b) { return a * b + a + b; };
        try {
            if (world.rank() == 0) (void)tutti::all_reduce(world, x, add);
            else (void)tutti::all_reduce(world, x, multiply_and_add);
        } catch (tutti::collective_mismatch const&) { ++told; }
    });
    CHECK(told == 2);
}

TEST_CASE("an operation that throws in a step of a schedule ends the group") {
    std::atomic<int> told = 0;
    auto run = [&] {
        tutti::launch<tutti::comm::threads>(3, [&](auto& world) {
            std::vector<int> x(5, world.rank());
            auto const careful = [&](int a, int b) {
                if (world.rank() == 2) throw std::domain_error{"the data are bad"};
                return a + b;
            };
            try {
                tutti::all_reduce(world, x, tutti::commutative{careful}, tutti::algorithm::one_shot{});
                tutti::barrier(world);
            } catch (tutti::peer_failed const& problem) {
                told += std::string{problem.what()}.find("the data are bad") != std::string::npos;
            }
        });
    };
    CHECK_THROWS_AS(run(), std::domain_error);
    CHECK(told == 2);
}

TEST_CASE("a group of one that was aborted ends too") {
    tutti::launch<tutti::comm::threads>(1, [&](auto& world) {
        world.abort("enough");
        CHECK_THROWS_AS((void)tutti::all_reduce(world, 1), tutti::peer_failed);
    });
}

TEST_CASE("asking whether a call is over does not wait for a peer, though another has left already") {
    using namespace std::chrono_literals;
    std::atomic<bool> left = false, asked = false;
    tutti::launch<tutti::comm::threads>({.ranks = 3, .timeout = 10s}, [&](auto& world) {
        std::vector<float> x(1000, 1);
        auto running = tutti::start_broadcast(world, x, 0);
        if (world.rank() == 2) {
            running.wait();
            left = true;
        } else if (world.rank() == 0) {
            while (!left) std::this_thread::yield();
            CHECK(!running.ready());  // rank 1 has still to copy
            asked = true;
        } else {
            while (!asked) std::this_thread::yield();
        }
    });
}

TEST_CASE("the longest timeout is one") {
    tutti::launch<tutti::comm::threads>({.ranks = 2, .timeout = std::chrono::milliseconds::max()}, [&](auto& world) {
        int value = 1;
        auto running = tutti::start_all_reduce(world, value);
        while (!running.ready()) std::this_thread::yield();
        CHECK(value == 2);
    });
}
