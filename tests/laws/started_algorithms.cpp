#include "backends.hpp"
#include "elements.hpp"

#include <tutti/collectives/algorithm/binomial.hpp>
#include <tutti/collectives/algorithm/bruck.hpp>
#include <tutti/collectives/algorithm/dissemination.hpp>
#include <tutti/collectives/algorithm/hillis_steele.hpp>
#include <tutti/collectives/algorithm/pairwise.hpp>
#include <tutti/collectives/algorithm/rabenseifner.hpp>
#include <tutti/collectives/algorithm/recursive_doubling.hpp>
#include <tutti/collectives/algorithm/ring.hpp>
#include <tutti/collectives/algorithm/two_shot.hpp>
#include <tutti/collectives/all_gather.hpp>
#include <tutti/collectives/all_reduce.hpp>
#include <tutti/collectives/all_to_all.hpp>
#include <tutti/collectives/automatic.hpp>
#include <tutti/collectives/barrier.hpp>
#include <tutti/collectives/broadcast.hpp>
#include <tutti/collectives/choice.hpp>
#include <tutti/collectives/exclusive_scan.hpp>
#include <tutti/collectives/gather.hpp>
#include <tutti/collectives/messages.hpp>
#include <tutti/collectives/reduce.hpp>
#include <tutti/collectives/reduce_scatter.hpp>
#include <tutti/collectives/scan.hpp>
#include <tutti/collectives/scatter.hpp>
#include <tutti/collectives/wait.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace algorithm = tutti::algorithm;

using laws::values;

TEST_CASE_TEMPLATE("what a named algorithm starts has the result of the call that waits", T, std::int8_t, laws::matrix) {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        int const p = world.size(), r = world.rank(), root = p - 1;
        auto const ranks = static_cast<std::size_t>(p), me = static_cast<std::size_t>(r);
        for (std::size_t const n : laws::sizes(p, 1003)) {
            auto const own = values<T>(r, n), parts = values<T>(r, n * ranks);
            auto reduced = own, in_place = own, rooted = own, everyone = own, upto = own, before = own, part = own, scattered = own;
            std::vector<T> gathered(n * ranks), all(n * ranks), exchanged(n * ranks);
            std::vector<tutti::pending> running;
            laws::combine const fold{};
            running.push_back(tutti::start_all_reduce(world, own, reduced, fold, algorithm::rabenseifner{}));
            running.push_back(tutti::start_all_reduce(world, in_place, fold, algorithm::recursive_doubling{}));
            running.push_back(tutti::start_reduce(world, own, rooted, root, fold, algorithm::binomial{}));
            running.push_back(tutti::start_broadcast(world, everyone, root, algorithm::binomial{}));
            running.push_back(tutti::start_barrier(world, algorithm::dissemination{}));
            running.push_back(tutti::start_gather(world, own, gathered, root, algorithm::binomial{}));
            running.push_back(tutti::start_all_gather(world, own, all, algorithm::bruck{}));
            running.push_back(tutti::start_reduce_scatter(world, parts, part, fold, algorithm::two_shot{}));
            running.push_back(tutti::start_scatter(world, parts, scattered, root, algorithm::binomial{}));
            running.push_back(tutti::start_all_to_all(world, parts, exchanged, algorithm::pairwise{}));
            running.push_back(tutti::start_scan(world, own, upto, fold, algorithm::hillis_steele{}));
            T const init = laws::value<T>(0, 5);
            running.push_back(tutti::start_exclusive_scan(world, own, before, init, fold, algorithm::hillis_steele{}));
            if (n % 2 == 0) tutti::wait_all(running);
            while (!running.empty()) running.pop_back();  // waits, from the last to the first
            auto folded = [&](std::size_t i) { return laws::folded<T>(p, i); };
            expect.all(reduced, folded, "all_reduce");
            expect.all(in_place, folded, "all_reduce in place");
            if (r == root) expect.all(rooted, folded, "reduce");
            expect.all(everyone, [&](std::size_t i) { return laws::value<T>(root, i); }, "broadcast");
            auto of_rank = [&](std::size_t i) { return laws::value<T>(static_cast<int>(i / n), i % n); };
            if (r == root) expect.all(gathered, of_rank, "gather");
            expect.all(all, of_rank, "all_gather");
            expect.all(part, [&](std::size_t i) { return laws::folded<T>(p, me * n + i); }, "reduce_scatter");
            expect.all(scattered, [&](std::size_t i) { return laws::value<T>(root, me * n + i); }, "scatter");
            auto to_me = [&](std::size_t i) { return laws::value<T>(static_cast<int>(i / n), me * n + i % n); };
            expect.all(exchanged, to_me, "all_to_all");
            expect.all(upto, [&](std::size_t i) { return laws::folded<T>(r + 1, i); }, "scan");
            expect.all(before, [&](std::size_t i) { return r == 0 ? init : fold(init, laws::folded<T>(r, i)); }, "exclusive_scan");
        }
    });
}

TEST_CASE("schedules that were started pass beside messages, collectives and one another") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        int const p = world.size(), r = world.rank(), to = (r + 1) % p, from = (r + p - 1) % p;
        tutti::choice_table const table{{{.kind = tutti::collective::all_reduce, .by = tutti::algorithm_id::ring}}};
        for (std::size_t const n : {std::size_t{1}, std::size_t{3000}}) {
            std::vector<std::vector<int>> data(8, std::vector<int>(n, r));
            std::vector<int> in(n), out(n, r);
            std::vector<tutti::pending> running;
            auto add = [&](std::size_t k, auto algorithm) {
                running.push_back(tutti::start_all_reduce(world, data[k], std::plus<>{}, algorithm));
            };
            tutti::pending message;
            if (p > 1 && world.can_start_messages()) message = tutti::start_exchange(world, out, to, in, from);
            add(0, algorithm::ring{});
            add(1, algorithm::automatic{});
            add(2, algorithm::ring{});
            add(3, algorithm::chosen_by{table});
            if (r % 2 == 0 && world.can_start_messages()) running[2].wait();
            add(4, algorithm::recursive_doubling{});
            tutti::all_reduce(world, data[5]);
            tutti::all_reduce(world, data[6], std::plus<>{}, algorithm::ring{});
            add(7, algorithm::two_shot{});
            while (!running.back().ready()) std::this_thread::yield();
            tutti::wait_all(running);
            message.wait();
            for (auto const& each : data) expect.all(each, [&](std::size_t) { return p * (p - 1) / 2; }, "sum");
            if (p > 1 && world.can_start_messages()) expect.all(in, [&](std::size_t) { return from; }, "message");
        }
    });
}

TEST_CASE("started schedules of two algorithms are a mismatch on every rank, and an operation that throws ends the group") {
    laws::on_threads({2, 3, 5}, [](auto& world, laws::expectation const& expect) {
        std::vector<int> x(50);
        auto call = [&] {
            auto running = world.rank() == 0 ? tutti::start_all_reduce(world, x, std::plus<>{}, algorithm::ring{})
                                             : tutti::start_all_reduce(world, x, std::plus<>{}, algorithm::recursive_doubling{});
            running.wait();
        };
        expect.template throws<tutti::collective_mismatch>(call, {"rank 0 called", "by ring", "by recursive_doubling"}, "mismatch");
    });
    laws::on_threads({2, 3, 5}, [](auto& world, laws::expectation const& expect) {
        std::vector<int> x(50, world.rank());
        auto running = tutti::start_all_reduce(
            world, x,
            tutti::commutative{[](int a, int b) {
                if (a + b > 0) throw std::runtime_error{"too large"};
                return a + b;
            }},
            algorithm::ring{});
        std::string text;
        try {
            running.wait();
        } catch (std::exception const& problem) { text = problem.what(); }
        expect(text.find("too large") != text.npos, "told: " + text);
    });
}

TEST_CASE("a started schedule moves on while its rank waits for something else") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        if (!world.can_start_messages()) return;
        int const p = world.size(), r = world.rank();
        if (p == 1) return;
        for (std::size_t const n : {std::size_t{2}, std::size_t{3000}}) {
            // Rank 0 waits for a message that rank 1 sends only once the sum is there.
            std::vector<int> sum(n, r), go(1);
            auto adding = tutti::start_all_reduce(world, sum, std::plus<>{}, algorithm::ring{});
            if (r == 0) tutti::receive(world, go, 1);
            adding.wait();
            if (r == 1) tutti::send(world, go, 0);
            expect.all(sum, [&](std::size_t) { return p * (p - 1) / 2; }, "sum");
        }
    });
}
