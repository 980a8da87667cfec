#include <tutti/tutti.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

// Random programs of collectives, equal on all ranks, in which one rank fails at a random point in a random way. Buffers live
// on the heap, are scribbled over and freed as soon as a rank leaves a call, so the sanitizers see whoever still touches them.

namespace {

using namespace std::chrono_literals;

enum class fault { none, throws, operation_throws, leaves, late, other_collective, other_count, aborts, drops_pending };
constexpr int faults = 9;

struct planted : std::runtime_error {
    planted() : runtime_error{"planted"} {}
};

struct plan {
    int ranks, calls, culprit, moment;
    fault what;
    std::vector<int> kinds;             // 0 barrier, 1 broadcast, 2 all_reduce, 3 all_gather, 4 start_all_reduce, 5 reduce_scatter_v and
                                        // all_gather_v, 6 start_exchange round a ring
    std::vector<std::size_t> counts;
    std::vector<int> roots;

    explicit plan(std::uint32_t seed) {
        std::mt19937 random{seed};
        auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
        ranks = 2 + below(5);
        calls = 1 + below(12);
        culprit = below(ranks);
        moment = below(calls);
        what = static_cast<fault>(below(faults));
        for (int k = 0; k < calls; ++k) {
            kinds.push_back(below(7));
            counts.push_back(static_cast<std::size_t>(below(3) == 0 ? below(20) : below(3000)));
            roots.push_back(below(ranks));
        }
        // A rank that calls a collective where others wait for its messages is found by the timeout alone.
        int& faulty = kinds[static_cast<std::size_t>(moment)];
        if (what == fault::other_collective && faulty == 6) faulty = 2;
    }
};

/// Numbers on the heap that are overwritten before they are freed.
struct buffer {
    std::vector<std::int64_t> numbers;
    buffer(std::size_t n, std::int64_t value) : numbers(n, value) {}
    buffer(buffer const&) = delete;
    ~buffer() { std::fill(numbers.begin(), numbers.end(), -77); }
};

struct outcome {
    std::atomic<int> wrong{0}, mismatch{0}, failed{0}, late{0}, own{0}, completed{0};
};

template <class Comm>
void one_call(Comm& world, plan const& plan, int k, outcome& out) {
    auto const at = static_cast<std::size_t>(k);
    bool const faulty = plan.what != fault::none && k == plan.moment && world.rank() == plan.culprit;
    int kind = plan.kinds[at];
    std::size_t count = plan.counts[at];
    bool bomb = false, drop = false;
    if (faulty) switch (plan.what) {
        case fault::throws: throw planted{};
        case fault::operation_throws: bomb = true; break;
        case fault::late: std::this_thread::sleep_for(15ms); break;
        case fault::other_collective: kind = (kind + 1) % 4; break;
        case fault::other_count: count += 1; break;
        case fault::aborts: world.abort("planted"); break;
        case fault::drops_pending: drop = true; break;
        case fault::leaves: case fault::none: break;
    }
    auto const p = static_cast<std::int64_t>(world.size()), me = static_cast<std::int64_t>(world.rank());
    // Copies of an operation count together.
    auto const operation = [bomb, left = std::make_shared<std::size_t>(count / 4)](std::int64_t a, std::int64_t b) {
        if (bomb && (*left)-- == 0) throw planted{};
        return a + b;
    };
    auto expect = [&](auto const& numbers, auto value) { for (auto x : numbers) if (x != value) { ++out.wrong; return; } };
    switch (kind) {
        case 0: tutti::barrier(world); break;
        case 1: {
            int const root = plan.roots[at];
            buffer x{count, me};
            tutti::broadcast(world, x.numbers, root);
            expect(x.numbers, root);
            break;
        }
        case 2: {
            buffer x{count, me + 1}, y{count, 0};
            tutti::all_reduce(world, x.numbers, y.numbers, operation);
            expect(y.numbers, p * (p + 1) / 2);
            tutti::all_reduce(world, x.numbers, operation);
            expect(x.numbers, p * (p + 1) / 2);
            break;
        }
        case 3: {
            buffer x{count, me}, all{count * static_cast<std::size_t>(p), 0};
            tutti::all_gather(world, x.numbers, all.numbers);
            for (std::size_t i = 0; i < all.numbers.size(); ++i) if (all.numbers[i] != static_cast<std::int64_t>(i / count)) { ++out.wrong; break; }
            break;
        }
        case 5: {
            std::vector<std::size_t> counts;
            std::size_t whole = 0;
            for (std::int64_t rank = 0; rank < p; ++rank) whole += counts.emplace_back(rank % 2 == 0 ? count : count / 2);
            std::size_t const own = counts[static_cast<std::size_t>(me)];
            buffer x{whole, me + 1}, y{own, 0}, all{whole, 0};
            tutti::reduce_scatter_v(world, x.numbers, y.numbers, counts, operation);
            expect(y.numbers, p * (p + 1) / 2);
            tutti::all_gather_v(world, y.numbers, all.numbers, counts);
            expect(all.numbers, p * (p + 1) / 2);
            break;
        }
        case 6: {
            buffer x{count, me}, y{count, -1}, z{count, -1};
            int const after = static_cast<int>((me + 1) % p), before = static_cast<int>((me + p - 1) % p);
            {
                auto first = tutti::start_exchange(world, x.numbers, after, y.numbers, before);
                auto second = tutti::start_exchange(world, x.numbers, after, z.numbers, before);
                while (!drop && k % 2 == 0 && !second.ready()) std::this_thread::yield();
                if (!drop) second.wait(), first.wait();
            }
            tutti::barrier(world);
            expect(y.numbers, before);
            expect(z.numbers, before);
            break;
        }
        default: {
            buffer x{count, me + 1}, y{count, 1};
            auto first = tutti::start_all_reduce(world, x.numbers, operation);
            auto second = tutti::start_all_reduce(world, y.numbers, operation);
            if (drop) break;
            while (k % 2 == 0 && !second.ready()) std::this_thread::yield();
            second.wait();
            first.wait();
            expect(x.numbers, p * (p + 1) / 2);
            expect(y.numbers, p);
        }
    }
}

template <class Comm>
void program(Comm& world, plan const& plan, outcome& out) {
    try {
        for (int k = 0; k < plan.calls; ++k) {
            if (plan.what == fault::leaves && k == plan.moment && world.rank() == plan.culprit) return;
            one_call(world, plan, k, out);
        }
        ++out.completed;
    } catch (tutti::collective_mismatch const&) { ++out.mismatch;
    } catch (tutti::timeout_error const&) { ++out.late;
    } catch (tutti::peer_failed const&) { ++out.failed;
    } catch (planted const&) { ++out.own; throw; }
}

}  // namespace

TEST_CASE("whatever fails at whatever point, every rank is told, no rank hangs and no buffer is touched after its owner has left") {
    constexpr std::uint32_t seeds = 4000;
    int operations_that_threw = 0;
    for (std::uint32_t seed = 0; seed < seeds; ++seed) {
        plan const plan{seed};
        outcome out;
        bool rethrown = false;
        auto const timeout = plan.what == fault::late ? 5ms : 60s;
        auto const start = std::chrono::steady_clock::now();
        try {
            tutti::launch<tutti::comm::threads>({.ranks = plan.ranks, .timeout = timeout}, [&](auto& world) { program(world, plan, out); });
        } catch (planted const&) { rethrown = true; }
        INFO("seed ", seed, ", fault ", static_cast<int>(plan.what));
        CHECK(std::chrono::steady_clock::now() - start < 30s);
        CHECK(out.wrong == 0);
        int const told = out.mismatch + out.late + out.failed + out.own + out.completed;
        CHECK(told == plan.ranks - (plan.what == fault::leaves));
        int const kind = plan.kinds[static_cast<std::size_t>(plan.moment)];
        bool const of_two_started = kind == 4 || kind == 6;
        switch (plan.what) {
            case fault::none: case fault::drops_pending: CHECK(out.completed == plan.ranks); break;
            case fault::throws: CHECK((rethrown && out.own == 1 && out.mismatch == 0)); break;
            case fault::operation_throws: CHECK(rethrown == (out.own > 0)); CHECK(out.mismatch == 0); operations_that_threw += rethrown; break;
            case fault::leaves: case fault::aborts: CHECK(out.mismatch + out.late == 0); break;
            case fault::late: CHECK((out.mismatch == 0 && (out.completed == plan.ranks || out.late > 0))); break;
            // Who waits first for the second of two started calls learns of the first one's mismatch as `peer_failed`, and so do
            // ranks other than the two whose messages do not fit.
            case fault::other_collective: CHECK(out.mismatch + out.failed == plan.ranks); CHECK((out.failed == 0 || of_two_started)); break;
            case fault::other_count: CHECK((out.mismatch + out.failed == plan.ranks || out.completed == plan.ranks)); CHECK((out.failed == 0 || of_two_started)); break;
        }
    }
    CHECK(operations_that_threw > static_cast<int>(seeds) / 40);
}
