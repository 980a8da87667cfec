#include "../laws/message_ranks.hpp"

#include <tutti/comm/hierarchical.hpp>
#include <tutti/tutti.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

using laws::message_ranks;
using tutti::collective_mismatch;
using tutti::comm::checked;
using tutti::comm::solo;
using tutti::comm::threads;
using namespace std::chrono_literals;

static_assert(tutti::communicator<checked<solo>> && tutti::communicator<checked<threads>>);
static_assert(!std::is_copy_constructible_v<checked<threads>>);
static_assert(tutti::starts_messages<checked<threads>> && tutti::starts_rounds<checked<checked<solo>>> &&
              tutti::comm::knows_hosts<checked<threads>> && tutti::comm::knows_hosts<checked<solo>>);
static_assert(tutti::communicator<checked<message_ranks>> && !tutti::performs_collectives<checked<message_ranks>> &&
              !tutti::starts_collectives<checked<message_ranks>> && !tutti::starts_messages<checked<message_ranks>> &&
              !tutti::gives_memory<checked<message_ranks>> && !tutti::has_choices<checked<message_ranks>>);

namespace {

/// A backend that compares nothing, as MPI: what is found on it, `checked` has found.
class careless {
public:
    explicit careless(threads& world) : world_{world} {}
    int rank() const { return world_.rank(); }
    int size() const { return world_.size(); }
    void perform(tutti::call const& what) {
        // what a mismatch would do here is anybody's guess
        if (what.kind != tutti::collective::all_gather) ++performed;
        world_.perform(what);
    }
    tutti::pending start(tutti::call const& what, std::shared_ptr<void const> kept) {
        if (what.kind != tutti::collective::all_gather) ++performed;
        return world_.start(what, std::move(kept));
    }
    static void announce(tutti::call const&) {}
    void exchange(std::span<tutti::message const> round, tutti::call const& what) { world_.exchange(round, what); }
    tutti::pending start_exchange(std::span<tutti::message const> round, tutti::call const& what,
                                  std::shared_ptr<void const> kept) {
        return world_.start_exchange(round, what, std::move(kept));
    }
    tutti::pending start_rounds(std::unique_ptr<tutti::message_rounds> rounds) { return world_.start_rounds(std::move(rounds)); }
    void abort(std::string const& text) { world_.abort(text); }
    template <class T>
    static tutti::shared_array<T> allocate(std::size_t size) { return threads::allocate<T>(size); }
    threads split_by_host() { return world_.split_by_host(); }
    template <class Body>
    static void launch(tutti::launch_options const& options, Body&& body) {
        threads::launch(options, [&](threads& world) {
            careless mine{world};
            body(mine);
        });
    }

    int performed = 0;  // calls that came through; comparisons are all_gathers, which the tests do not make

private:
    threads& world_;
};

bool says(std::string const& text, std::initializer_list<std::string_view> words) {
    bool const all = std::all_of(words.begin(), words.end(), [&](auto word) { return text.find(word) != std::string::npos; });
    if (!all) MESSAGE(text);
    return all;
}

/// How many of `ranks` ranks get a `collective_mismatch` with these words when each runs `call(world)`, of which nothing was made,
/// and can then use the group.
template <class Call>
int told(int ranks, std::initializer_list<std::string_view> words, Call call) {
    std::atomic<int> usable = 0;
    std::vector<std::string> texts(static_cast<std::size_t>(ranks));
    tutti::launch<checked<careless>>(ranks, [&](auto& world) {
        try {
            call(world);
        } catch (collective_mismatch const& problem) { texts[static_cast<std::size_t>(world.rank())] = problem.what(); }
        usable += world.inner().performed == 0 && tutti::all_reduce(world, 1) == ranks;
    });
    CHECK(usable == ranks);
    int count = 0;
    for (auto const& text : texts) count += !text.empty() && says(text, words);
    return count;
}

/// Has a table of its own.
class picky : public careless {
public:
    using careless::careless;
    static tutti::choice_table const& choices() {
        static tutti::choice_table const table{
            {{.kind = tutti::collective::all_reduce, .by = tutti::algorithm_id::ring}}};
        return table;
    }
    template <class Body>
    static void launch(tutti::launch_options const& options, Body&& body) {
        threads::launch(options, [&](threads& world) {
            picky mine{world};
            body(mine);
        });
    }
};

/// Learns the mean of numbers.
struct mean {
    std::array<double, 1> value{}, slope{};
    auto parameters() { return std::span{value}; }
    auto gradients() { return std::span{slope}; }
    double loss_and_gradients(auto const& batch) {
        double loss = 0, n = static_cast<double>(batch.size());
        slope = {};
        for (double const x : batch) loss += (value[0] - x) * (value[0] - x) / n, slope[0] += 2 * (value[0] - x) / n;
        return loss;
    }
};

}  // namespace

TEST_CASE("a call that one rank makes otherwise is told on every rank, with who called what, and nothing of it is made") {
    for (int const ranks : {2, 3, 5}) {
        std::string const odd = "rank " + std::to_string(ranks - 1) + " called ";
        auto is_odd = [](auto& world) { return world.rank() == world.size() - 1; };
        CHECK(told(ranks,
                   {"in call 1", "rank 0", "called all_reduce of 8 x float with std::plus<",
                    "; " + odd + "broadcast of 8 x float, root 0"},
                   [&](auto& world) {
                       std::vector<float> x(8);
                       if (is_odd(world)) tutti::broadcast(world, x, 0);
                       else tutti::all_reduce(world, x);
                   }) == ranks);
        CHECK(told(ranks, {"8 x float", odd + "all_reduce of 8 x int"}, [&](auto& world) {
                  std::vector<float> x(8);
                  std::vector<int> y(8);
                  if (is_odd(world)) tutti::all_reduce(world, y);
                  else tutti::all_reduce(world, x);
              }) == ranks);
        CHECK(told(ranks, {"8 x float", odd + "all_reduce of 80000 x float"}, [&](auto& world) {
                  std::vector<float> x(is_odd(world) ? 80'000 : 8);
                  tutti::all_reduce(world, x);
              }) == ranks);
        CHECK(told(ranks, {"root 0", odd, "root 1"}, [&](auto& world) {
                  std::vector<float> x(8);
                  tutti::broadcast(world, x, is_odd(world) ? 1 : 0);
              }) == ranks);
        CHECK(told(ranks, {"std::plus", odd, "std::multiplies"}, [&](auto& world) {
                  std::vector<float> x(8);
                  if (is_odd(world)) tutti::all_reduce(world, x, std::multiplies<>{});
                  else tutti::all_reduce(world, x);
              }) == ranks);
        CHECK(told(ranks, {", by ring", odd, "by recursive_doubling"}, [&](auto& world) {
                  std::vector<float> x(8);
                  if (is_odd(world)) tutti::all_reduce(world, x, std::plus<>{}, tutti::algorithm::recursive_doubling{});
                  else tutti::all_reduce(world, x, std::plus<>{}, tutti::algorithm::ring{});
              }) == ranks);
        CHECK(told(ranks, {", by segmented_ring with settings 4; ", odd, "by segmented_ring with settings 8"}, [&](auto& world) {
                  std::vector<float> x(8);
                  tutti::all_reduce(world, x, std::plus<>{}, tutti::algorithm::segmented_ring{.segments = is_odd(world) ? 8 : 4});
              }) == ranks);
        CHECK(told(ranks, {"called allocate", odd + "all_reduce"}, [&](auto& world) {
                  if (is_odd(world)) std::ignore = tutti::all_reduce(world, 1);
                  else std::ignore = world.template allocate<int>(4);
              }) == ranks);
        CHECK(told(ranks, {"called barrier", odd + "all_reduce"}, [&](auto& world) {
                  if (is_odd(world)) std::ignore = tutti::all_reduce(world, 1);
                  else tutti::barrier(world);
              }) == ranks);
    }
}

TEST_CASE("a mismatch of started calls is told at the start") {
    CHECK(told(3, {"rank 0, rank 1 called all_reduce", "rank 2 called broadcast"}, [](auto& world) {
              std::vector<double> x(100);
              std::ignore = world.rank() == 2 ? tutti::start_broadcast(world, x, 0) : tutti::start_all_reduce(world, x);
          }) == 3);
}

TEST_CASE("lists of counts that differ are told with both lists") {
    CHECK(told(3, {"all_gather_v", "rank 0, rank 2", "in parts of 2, 2, 2", "rank 1", "in parts of 3, 2, 1"}, [](auto& world) {
              std::vector<std::size_t> const counts =
                  world.rank() == 1 ? std::vector<std::size_t>{3, 2, 1} : std::vector<std::size_t>(3, 2);
              std::vector<int> all(6);
              std::vector<int> const mine(counts[static_cast<std::size_t>(world.rank())]);
              tutti::all_gather_v(world, mine, all, counts);
          }) == 3);
    CHECK(told(3, {"called all_gather_v", "called all_gather of"}, [](auto& world) {
              std::vector<int> all(6), mine(2);
              if (world.rank() == 1) tutti::all_gather_v(world, mine, all, std::vector<std::size_t>(3, 2));
              else tutti::all_gather(world, mine, all);
          }) == 3);
    for (auto const& two : {std::array{0, 1}, std::array{1, 0}, std::array{2, 2}})
        CHECK(told(3,
                   {"all_to_all_v", "rank " + std::to_string(two[0]) + " sends 2 elements to rank " + std::to_string(two[1]),
                    "which expects 5"},
                   [&](auto& world) {
                       std::vector<std::size_t> const sent(3, 2);
                       std::vector<std::size_t> expected(3, 2);
                       if (world.rank() == two[1]) expected[static_cast<std::size_t>(two[0])] = 5;
                       std::vector<int> const mine(6);
                       std::vector<int> all(world.rank() == two[1] ? 9 : 6);
                       tutti::all_to_all_v(world, mine, sent, all, expected);
                   }) == 3);
}

TEST_CASE("counts that differ between pairs but fit are no mismatch") {
    tutti::launch<checked<careless>>(4, [](auto& world) {
        std::vector<std::size_t> sent, expected;
        for (std::size_t k = 0, me = static_cast<std::size_t>(world.rank()); k < 4; ++k)
            sent.push_back(me + 2 * k), expected.push_back(k + 2 * me);
        std::vector<int> const mine(4 * sent[0] + 12, world.rank());
        std::vector<int> all(6 + 4 * 2 * static_cast<std::size_t>(world.rank()));
        tutti::all_to_all_v(world, mine, sent, all, expected);
        CHECK(std::is_sorted(all.begin(), all.end()));
    });
}

TEST_CASE("the number in the text counts the calls before it, and a mismatch leaves the ranks in step") {
    tutti::launch<threads>(2, [](threads& plain) {
        checked world{plain};
        for (int k = 0; k < 4; ++k) tutti::barrier(world);
        for (std::string const number : {"in call 5:", "in call 6:"}) {
            std::string text;
            try {
                std::vector<int> x(world.rank() == 0 ? 3 : 4);
                tutti::all_reduce(world, x);
            } catch (collective_mismatch const& problem) { text = problem.what(); }
            CHECK(text.find(number) != std::string::npos);
        }
    });
}

TEST_CASE("a rank that has compared another number of calls is told so") {
    tutti::launch<threads>(2, [](threads& plain) {
        checked first{plain}, second{plain};
        tutti::barrier(first);
        std::string text;
        try {
            tutti::barrier(plain.rank() == 0 ? first : second);
        } catch (collective_mismatch const& problem) { text = problem.what(); }
        CHECK(says(text, {"rank 0 called barrier as its call 2", "rank 1 called barrier as its call 1"}));
    });
}

TEST_CASE("both ranks of a message that they disagree about are told, and can use the group") {
    auto check = [](auto sends, auto receives, std::initializer_list<std::string_view> words) {
        CHECK(told(2, words, [&](auto& world) {
                  if (world.rank() == 0) tutti::send(world, sends, 1);
                  else tutti::receive(world, receives, 0);
              }) == 2);
    };
    check(std::vector<float>(17), std::vector<float>(16), {"rank 1 receives 16 x float from rank 0, which sends 17 x float"});
    check(std::vector<float>(16), std::vector<int>(16), {"rank 1 receives 16 x int from rank 0, which sends 16 x float"});
}

TEST_CASE("of an exchange whose two messages have different fates, the good one arrives") {
    std::atomic<int> arrived = 0;
    CHECK(told(2, {"rank 1 receives 5 x int from rank 0, which sends 4 x int"}, [&](auto& world) {
              std::vector<int> const out(4, 7);
              std::vector<int> in(world.rank() == 0 ? 4 : 5);
              try {
                  tutti::exchange(world, out, 1 - world.rank(), in, 1 - world.rank());
              } catch (collective_mismatch const&) {
                  arrived += world.rank() == 0 && in == out;
                  throw;
              }
          }) == 2);
    CHECK(arrived == 1);
    arrived = 0;
    CHECK(told(3, {"rank 2 receives 5 x int from rank 1, which sends 4 x int"}, [&](auto& world) {
              std::vector<int> const out(4, world.rank());
              std::vector<int> in(world.rank() == 2 ? 5 : 4);
              try {
                  tutti::exchange(world, out, (world.rank() + 1) % 3, in, (world.rank() + 2) % 3);
              } catch (collective_mismatch const&) {
                  arrived += world.rank() == 1 && in[0] == 0;
                  throw;
              }
              arrived += world.rank() == 0 && in[0] == 2;
          }) == 2);
    CHECK(arrived == 2);
}

TEST_CASE("sends, receives and exchanges of two ranks meet in every order that they may") {
    // What rank 1 does, one letter per call. Where it exchanges, rank 0 does so, or sends and receives, or receives and sends, by
    // turns; where it does one and then the other, rank 0 exchanges.
    for (std::string const each : {"xx", "xsr", "xrs", "srx", "rsx", "srxsr", "rsxrs", "xxsrx", "rsxxsr"})
        tutti::launch<checked<careless>>(2, [&](auto& world) {
            int const other = 1 - world.rank();
            int sent = 0, received = 0;
            auto run = [&](char what) {
                std::vector<int> const out(5, 10 * world.rank() + sent);
                std::vector<int> in(5);
                if (what == 's') tutti::send(world, out, other);
                else if (what == 'r') tutti::receive(world, in, other);
                else tutti::exchange(world, out, other, in, other);
                if (what != 'r') ++sent;
                if (what != 's') CHECK(in[0] == 10 * other + received++);
            };
            if (world.rank() == 1) {
                for (char const what : each) run(what);
            } else {
                int turn = 0;
                for (std::size_t k = 0; k < each.size(); ++k)
                    if (each[k] == 'x') {
                        if (++turn % 3 == 0) run('x');
                        else if (turn % 3 == 1) run('s'), run('r');
                        else run('r'), run('s');
                    } else {
                        run('x');
                        ++k;
                    }
            }
        });
}

TEST_CASE("an exchange with two ranks serves one before the other has come") {
    tutti::launch<checked<careless>>(3, [](auto& world) {
        int const r = world.rank();
        std::vector<int> const out(4000, r);
        std::vector<int> in(4000);
        if (r == 0) tutti::exchange(world, out, 1, in, 2);
        else tutti::receive(world, in, r - 1), tutti::send(world, out, (r + 1) % 3);
        CHECK(in[0] == (r + 2) % 3);
    });
}

TEST_CASE("both ranks of a started message that they disagree about are told when they wait, and those after it arrive") {
    auto text_for = [](std::size_t n) {
        return "rank 1 receives " + std::to_string(n) + " x float from rank 0, which sends 17 x float";
    };
    for (bool const polls : {false, true})
        for (bool const one_blocks : {false, true})
            for (std::size_t const n : {std::size_t{16}, std::size_t{5000}})
                CHECK(told(2, {text_for(n)}, [&](auto& world) {
                          std::vector<float> first(world.rank() == 0 ? 17 : n, 1.0f + static_cast<float>(world.rank()));
                          std::vector<int> second(n, 5 * world.rank()), third(3, 7 * world.rank());
                          tutti::pending running, next, last;
                          bool const blocks = one_blocks && world.rank() == 1;
                          if (world.rank() == 0) {
                              running = tutti::start_send(world, first, 1);
                              next = tutti::start_send(world, second, 1);
                              last = tutti::start_receive(world, third, 1);
                          } else {
                              if (!blocks) running = tutti::start_receive(world, first, 0);
                              else CHECK_THROWS_AS(tutti::receive(world, first, 0), collective_mismatch);
                              next = tutti::start_receive(world, second, 0);
                              last = tutti::start_send(world, third, 0);
                          }
                          while (polls && !next.ready()) std::this_thread::yield();
                          next.wait(), last.wait();
                          CHECK(second[n - 1] == 0);
                          CHECK(third[0] == 7);
                          CHECK(first[0] == 1.0f + static_cast<float>(world.rank()));
                          if (blocks) throw collective_mismatch{text_for(n)};  // has been told
                          while (polls && !running.ready()) std::this_thread::yield();
                          running.wait();
                      }) == 2);
    CHECK(told(2, {"rank 1 receives 4 x int from rank 0, which sends 4 x float"}, [&](auto& world) {
              std::vector<float> out(4);
              std::vector<int> in(4);
              auto running = world.rank() == 0 ? tutti::start_send(world, out, 1) : tutti::start_receive(world, in, 0);
              running.wait();
          }) == 2);
}

TEST_CASE("messages are started without their peer, and collectives go on beside them") {
    tutti::launch<checked<careless>>(3, [](auto& world) {
        int const r = world.rank(), to = (r + 1) % 3, from = (r + 2) % 3;
        constexpr std::size_t messages = 20;
        std::vector<std::vector<int>> out(messages), in(messages, std::vector<int>(3000));
        std::vector<tutti::pending> running;
        for (std::size_t k = 0; k < messages; ++k) {
            out[k].assign(3000, static_cast<int>(k) + 100 * r);
            if (r != 1) running.push_back(tutti::start_send(world, out[k], to));
        }
        tutti::barrier(world);
        std::vector<double> x(5000, r);
        tutti::all_reduce(world, x, std::plus<>{}, tutti::algorithm::ring{});
        CHECK(x.back() == 3);
        if (r == 1)
            for (auto const& each : out) running.push_back(tutti::start_send(world, each, to));
        for (std::size_t k = 0; k < messages; ++k)
            if (k % 2 == 0) tutti::receive(world, in[k], from);
            else running.push_back(tutti::start_receive(world, in[k], from));
        while (!running.empty()) running.pop_back();  // waits, from the last to the first
        for (std::size_t k = 0; k < messages; ++k) CHECK(in[k].back() == static_cast<int>(k) + 100 * from);
    });
}

TEST_CASE("what only exchanges messages is checked too, its schedules and messages") {
    std::atomic<int> count = 0;
    tutti::launch<checked<message_ranks>>(3, [&](auto& world) {
        auto mismatch = [&](auto call, std::initializer_list<std::string_view> words) {
            try {
                call();
            } catch (collective_mismatch const& problem) { count += says(problem.what(), words); }
            CHECK(tutti::all_reduce(world, world.rank()) == 3);
        };
        bool const odd = world.rank() == 2;
        mismatch(
            [&] {
                std::vector<int> x(odd ? 5 : 4);
                tutti::all_reduce(world, x);
            },
            {"rank 0, rank 1 called all_reduce of 4 x int", "rank 2 called all_reduce of 5 x int"});
        mismatch(
            [&] {
                std::vector<int> x(odd ? 5 : 4);
                if (world.rank() == 0) tutti::send(world, x, 2);
                if (odd) tutti::receive(world, x, 0);
            },
            {"rank 2 receives 5 x int from rank 0, which sends 4 x int"});
        std::vector<int> const out(4, world.rank());
        std::vector<int> in(4);
        tutti::exchange(world, out, (world.rank() + 1) % 3, in, (world.rank() + 2) % 3);
        CHECK(in[3] == (world.rank() + 2) % 3);
    });
    CHECK(count == 5);
}

TEST_CASE("a group that was split off is checked, whatever it was split from") {
    std::atomic<int> count = 0;
    auto mistake = [&](auto& world) {
        try {
            std::vector<float> x(world.rank() == 0 ? 4 : 5);
            tutti::all_reduce(world, x);
        } catch (collective_mismatch const& problem) { count += says(problem.what(), {"rank 0 called", "rank 1 called"}); }
        CHECK(tutti::all_reduce(world, 1) == world.size());
        std::vector<int> data(world.rank() == 0 ? 2 : 3);
        auto running = world.rank() == 0 ? tutti::start_send(world, data, 1) : tutti::start_receive(world, data, 0);
        try {
            running.wait();
        } catch (collective_mismatch const& problem) {
            count += says(problem.what(), {"rank 1 receives 3 x int", "sends 2 x int"});
        }
        CHECK(tutti::all_reduce(world, 1) == world.size());
    };
    tutti::launch<checked<threads>>(4, [&](checked<threads>& world) {
        checked<threads> part = world.split(world.rank() % 2, -world.rank());
        mistake(part);
        auto host = part.split_by_host();
        mistake(host);
    });
    CHECK(count == 16);
    count = 0;
    tutti::launch<threads>(4, [&](threads& plain) {
        tutti::comm::hierarchical two_level{plain, plain.rank() / 2};
        checked world{two_level};
        checked<threads> part = world.split(world.rank() % 2);
        mistake(part);
    });
    CHECK(count == 8);
    CHECK(told(3, {"rank 0, rank 1 called barrier; rank 2 called split_by_host"}, [](auto& world) {
              if (world.rank() == 2) std::ignore = world.split_by_host().size();
              else tutti::barrier(world);
          }) == 3);
}

TEST_CASE("wrappers nest, and two levels may be made of checked groups") {
    tutti::launch<checked<checked<threads>>>(3, [](auto& world) {
        int const r = world.rank(), to = (r + 1) % 3, from = (r + 2) % 3;
        std::vector<int> in(300), out(300, r);
        auto running = tutti::start_exchange(world, out, to, in, from);
        CHECK(tutti::all_reduce(world, 1) == 3);
        running.wait();
        CHECK(in[299] == from);
        tutti::exchange(world, out, from, in, to);
        CHECK(in[299] == to);
    });
    tutti::launch<checked<threads>>(4, [](auto& world) {
        tutti::comm::hierarchical two_level{world, world.rank() % 2};
        std::vector<int> x(9000, world.rank());
        tutti::all_reduce(two_level, x);
        CHECK(x.back() == 6);
    });
}

TEST_CASE("memory and tables are those of the wrapped communicator") {
    tutti::launch<checked<threads>>(2, [](auto& world) {
        auto const memory = world.template allocate<int>(1000);
        tutti::all_reduce(world, memory);
        CHECK(memory.size() == 1000);
    });
    tutti::launch<checked<picky>>(2, [](auto& world) {
        std::vector<int> x(100, 1);
        tutti::all_reduce(world, x);
        CHECK(x[99] == 2);
        CHECK(world.inner().performed == 0);  // by a ring of messages
        tutti::broadcast(world, x, 0);
        CHECK(world.inner().performed == 1);
    });
}

TEST_CASE("two messages at once to a rank are refused before anything is sent") {
    CHECK_THROWS_WITH_AS(
        tutti::launch<checked<threads>>(
            2,
            [](auto& world) {
                if (world.rank() == 1) return;
                int data = 0;
                tutti::message const one{tutti::message::action::send, 1, reinterpret_cast<std::byte*>(&data), 1};
                std::array const round{one, one};
                world.exchange(round,
                               tutti::call{.kind = tutti::collective::send, .type = &tutti::element_type_of<int>, .count = 1});
            }),
        doctest::Contains("two messages at once to rank 1"), tutti::usage_error);
}

TEST_CASE("a peer that leaves or is late is told by what was called, not by how it was compared") {
    std::string gone, late;
    tutti::launch<checked<threads>>(2, [&](auto& world) {
        if (world.rank() == 1) return;
        try {
            std::vector<float> x(8);
            tutti::all_reduce(world, x);
        } catch (tutti::peer_failed const& problem) { gone = problem.what(); }
    });
    CHECK(says(gone, {"all_reduce of 8 x float", "rank 1 has left"}));
    tutti::launch<checked<threads>>({.ranks = 2, .timeout = 50ms}, [&](auto& world) {
        if (world.rank() == 1) return std::this_thread::sleep_for(300ms);
        try {
            std::vector<float> x(8);
            tutti::send(world, x, 1);
        } catch (tutti::timeout_error const& problem) { late = problem.what(); }
    });
    CHECK(says(late, {"send of 8 x float", "rank 1 did not come"}));
}

TEST_CASE("launch rethrows a mismatch, abort ends the group, and one rank alone is checked too") {
    CHECK_THROWS_AS(tutti::launch<checked<threads>>(3,
                                                    [](auto& world) {
                                                        std::vector<int> x(static_cast<std::size_t>(world.rank()));
                                                        tutti::all_reduce(world, x);
                                                    }),
                    collective_mismatch);
    CHECK_THROWS_AS(tutti::launch<checked<threads>>(3,
                                                    [](auto& world) {
                                                        if (world.rank() == 1) world.abort("no more");
                                                        tutti::barrier(world);
                                                    }),
                    tutti::peer_failed);
    tutti::launch<checked<solo>>([](checked<solo>& world) {
        CHECK(tutti::all_reduce(world, 3) == 3);
        std::vector<int> const mine(3);
        std::vector<int> all(2);
        CHECK_THROWS_WITH_AS(tutti::all_to_all_v(world, mine, std::vector<std::size_t>{3}, all, std::vector<std::size_t>{2}),
                             doctest::Contains("rank 0 sends 3 elements to rank 0, which expects 2"), collective_mismatch);
    });
}

TEST_CASE("a checked group trains as the group alone does") {
    std::vector<double> const data{1, 2, 3, 4, 5, 6, 7};
    auto train = [&](auto& world, double& fitted) {
        tutti::data_parallel_trainer trainer{world, mean{}, tutti::partition::shuffled{.seed = 1}, tutti::sync::all_reduce{},
                                             tutti::optim::sgd{.learning_rate = 0.1}};
        for (int epoch = 0; epoch < 3; ++epoch) trainer.run_epoch(data, {.batch = 4});
        if (world.rank() == 0) fitted = trainer.model().value[0];
    };
    double plain = 0, with = 1;
    tutti::launch<threads>(3, [&](auto& world) { train(world, plain); });
    tutti::launch<checked<threads>>(3, [&](auto& world) { train(world, with); });
    CHECK(plain == with);
}
