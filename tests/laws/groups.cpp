#include "backends.hpp"
#include "elements.hpp"

#include <tutti/collectives/algorithm/ring.hpp>
#include <tutti/collectives/all_gather.hpp>
#include <tutti/collectives/all_reduce.hpp>
#include <tutti/collectives/barrier.hpp>
#include <tutti/collectives/broadcast.hpp>
#include <tutti/collectives/messages.hpp>
#include <tutti/collectives/wait.hpp>
#include <tutti/comm/solo.hpp>
#include <tutti/comm/threads.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <type_traits>
#include <utility>
#include <thread>
#include <vector>

static_assert(!std::is_move_constructible_v<tutti::comm::threads>);  // returned where it is made, as a group of processes is

namespace {

/// Calls of every kind on `group`, whose ranks bring their `label`s: in order, those are `labels`.
template <class Group>
void works(Group& group, int label, std::vector<int> const& labels, laws::expectation const& expect) {
    expect.equal(static_cast<std::size_t>(group.size()), labels.size(), "size");
    expect(tutti::all_gather(group, label) == labels, "the order of the ranks");
    int const p = group.size(), r = group.rank(), to = (r + 1) % p, from = (r + p - 1) % p;
    expect.equal(labels[static_cast<std::size_t>(r)], label, "rank");
    int sum = 0;
    for (int const each : labels) sum += each;
    for (std::size_t const n : {std::size_t{0}, std::size_t{1}, std::size_t{700}, std::size_t{20'011}}) {
        std::vector<int> data(n, label), in(n), out(n, label);
        auto adding = tutti::start_all_reduce(group, data);
        tutti::exchange(group, out, to, in, from);
        expect.all(
            in, [&](std::size_t) { return labels[static_cast<std::size_t>(from)]; }, "exchange");
        adding.wait();
        expect.all(
            data, [&](std::size_t) { return sum; }, "started sum");
        data.assign(n, label);
        tutti::all_reduce(group, data, std::plus<>{}, tutti::algorithm::ring{});
        expect.all(
            data, [&](std::size_t) { return sum; }, "sum by a schedule");
        data.assign(n, label);
        tutti::broadcast(group, data, p - 1);
        expect.all(
            data, [&](std::size_t) { return labels.back(); }, "broadcast");
    }
}

}  // namespace

TEST_CASE("ranks of one color become a group, in the order of their keys, then of rank") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        if (!world.can_split()) return;
        int const p = world.size(), r = world.rank();
        for (int const colors : {1, 2, 3}) {
            std::vector<int> same, backwards, outer_last;  // who is in this rank's group, in each order
            for (int k = 0; k < p; ++k)
                if (k % colors == r % colors) same.push_back(k);
            backwards.assign(same.rbegin(), same.rend());
            for (int const outer : {0, 1})
                for (int const each : same)
                    if ((each == 0 || each == p - 1) == (outer == 1)) outer_last.push_back(each);
            auto const by_rank = world.split(r % colors, 7), by_key = world.split(100 + r % colors, -r),
                       by_both = world.split(r % colors, r == 0 || r == p - 1);
            works(*by_rank, r, same, expect);
            works(*by_key, r, backwards, expect);
            works(*by_both, r, outer_last, expect);
        }
        auto const alone = world.split(r, 0);
        works(*alone, r, {r}, expect);
        expect.equal(tutti::all_reduce(world, 1), p, "the whole group goes on");
    });
}

TEST_CASE("groups of groups are groups") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        if (!world.can_split()) return;
        int const p = world.size(), r = world.rank();
        auto const parity = world.split(r % 2, -r);
        std::vector<int> members;
        for (int k = p - 1; k >= 0; --k)
            if (k % 2 == r % 2 && k / 4 == r / 4) members.push_back(k);
        auto const quarter = parity->split(r / 4, 0);
        works(*quarter, r, members, expect);
        auto const back = quarter->split(0, r);
        std::reverse(members.begin(), members.end());
        works(*back, r, members, expect);
        expect.equal(tutti::all_reduce(*parity, 1), (p + 1 - r % 2) / 2, "the group between");
    });
}

TEST_CASE("ranks of one host become a group") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        if (!world.can_split()) return;
        std::vector<int> all;
        for (int k = 0; k < world.size(); ++k) all.push_back(k);
        auto const host = world.split_by_host();  // mpirun was not told of other hosts
        works(*host, world.rank(), all, expect);
    });
}

TEST_CASE("a negative color is refused, and nothing is made") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        if (!world.can_split()) return;
        expect.template throws<tutti::usage_error>([&] { (void)world.split(-1, 0); }, {"split", "color -1"}, "color");
        expect.equal(tutti::all_reduce(world, 1), world.size(), "the group goes on");
    });
}

TEST_CASE("messages and collectives of one group stay apart from another's") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        if (!world.can_split() || !world.can_start_messages()) return;
        int const p = world.size(), r = world.rank();
        if (p == 1) return;
        auto const first = world.split(0, 0), second = world.split(0, 0);
        for (std::size_t const n : {std::size_t{2}, std::size_t{3000}}) {
            std::vector<int> one(n, 1), two(n, 2), three(n, 3), in(n), other(n), third(n);
            if (r == 0) {
                auto of_second = tutti::start_send(*second, two, p - 1);
                auto of_world = tutti::start_send(world, three, p - 1);
                auto of_first = tutti::start_send(*first, one, p - 1);
                tutti::wait_all(of_first, of_world, of_second);
            } else if (r == p - 1) {
                tutti::receive(*first, in, 0);
                tutti::receive(world, third, 0);
                tutti::receive(*second, other, 0);
                expect((in == one && other == two && third == three), "each message in its group");
            }
        }
    });
}

TEST_CASE("what was started on one group moves on while a rank waits in another") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        if (!world.can_split() || !world.can_start_messages()) return;
        int const p = world.size(), r = world.rank();
        if (p == 1) return;
        auto const other = world.split(0, 0);
        // A rank that comes to `meets` first waits there for one that waits for its share of what was started on `starts`.
        auto cross = [&](auto& starts, auto& meets, std::size_t n) {
            std::vector<double> data(n, r + 1.0);
            auto running = tutti::start_all_reduce(starts, data);
            bool const waits_first = r % 2 == 0;
            if (waits_first) running.wait();
            expect.equal(tutti::all_reduce(meets, 1), p, "sum in the other group");
            running.wait();
            expect.all(
                data, [&](std::size_t) { return p * (p + 1) / 2.0; }, "started sum");
        };
        for (std::size_t const n : {std::size_t{3}, std::size_t{30'000}}) {
            cross(world, *other, n);
            cross(*other, world, n);
            // The same with messages: rank 1 comes to the barrier only once rank 0, which waits there, has its message.
            for (auto* const group : {&world, other.get()}) {
                std::vector<int> const out(n, 7);
                std::vector<int> in(n);
                auto& meets = group == &world ? *other : world;
                if (r == 0) {
                    auto receiving = tutti::start_receive(*group, in, 1);
                    tutti::barrier(meets);
                    receiving.wait();
                    expect(in == out, "message behind another group's barrier");
                } else {
                    if (r == 1) tutti::send(*group, out, 0);
                    tutti::barrier(meets);
                }
            }
        }
    });
}

TEST_CASE("a random program on a tree of groups gives every result") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        if (!world.can_split()) return;
        int const r = world.rank();
        std::mt19937 own{static_cast<unsigned>(r) + 5};
        struct branch {
            std::unique_ptr<laws::any_communicator> group;
            std::vector<int> members;  // by rank, as they are numbered in the world
        };
        struct flight {
            tutti::pending running;
            std::vector<int> data;
            int wanted;
        };
        std::vector<branch> path;  // from the world to this rank's leaf
        std::vector<int> all;
        for (int k = 0; k < world.size(); ++k) all.push_back(k);
        std::vector<flight> flying;
        auto land = [&] {
            flying.back().running.wait();
            expect.all(
                flying.back().data, [&](std::size_t) { return flying.back().wanted; }, "started sum");
            flying.pop_back();
        };
        for (int turn = 0; turn < 60; ++turn) {
            // What a turn does is the same for all members of the group at some depth, which differ in nothing that decides it.
            std::mt19937 shared{static_cast<unsigned>(turn)};
            auto below = [&](int n) { return static_cast<int>(shared() % static_cast<unsigned>(n)); };
            auto const depth = static_cast<std::size_t>(below(static_cast<int>(path.size()) + 1));
            laws::any_communicator& group = depth == 0 ? static_cast<laws::any_communicator&>(world) : *path[depth - 1].group;
            auto const& members = depth == 0 ? all : path[depth - 1].members;
            int wanted = 0;
            for (int const each : members) wanted += each;
            std::vector<int> data(below(3) == 0 ? 2500 : static_cast<std::size_t>(below(30)), r);
            int const kind = below(5);
            if (kind == 0) {
                while (!flying.empty()) land();  // on groups that end here
                while (path.size() > depth) path.pop_back();
                bool const backwards = below(2) == 0;
                int const block = 1 << below(4);
                std::vector<int> mine;
                for (int const each : members)
                    if (each / block % 3 == r / block % 3) mine.push_back(each);
                std::sort(mine.begin(), mine.end(), [&](int a, int b) { return backwards ? a > b : a < b; });
                auto part = group.split(r / block % 3, backwards ? -r : r);
                expect(tutti::all_gather(*part, r) == mine, "members");
                path.push_back({std::move(part), std::move(mine)});
            } else if (kind < 3) {
                tutti::all_reduce(group, data);
                expect.all(
                    data, [&](std::size_t) { return wanted; }, "sum");
            } else {
                auto running = tutti::start_all_reduce(group, data);
                flying.push_back({std::move(running), std::move(data), wanted});
            }
            while (!flying.empty() && own() % 3 == 0) land();
        }
        while (!flying.empty()) land();
        while (!path.empty()) path.pop_back();
    });
}

TEST_CASE("a group that was detached is used by another thread of each rank, while the rank goes on") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        if (!world.can_detach()) return;
        int const p = world.size(), r = world.rank();
        auto beside = world.detach();
        expect.equal(beside.rank(), r, "rank");
        expect.equal(beside.size(), p, "size");
        std::vector<int> sums;
        std::thread other{[&] {
            for (int k = 0; k < 30; ++k) {
                std::vector<int> many(k % 2 ? 1 : 3000, r + k);
                tutti::all_reduce(beside, many);
                sums.push_back(many.back());
            }
        }};
        for (int k = 0; k < 30; ++k) {
            std::vector<int> many(k % 3 ? 1 : 3000, r);
            auto started = tutti::start_all_reduce(world, many);
            if (k % 5 == r % 5) std::this_thread::yield();
            started.wait();
            expect.equal(many.back(), p * (p - 1) / 2, "a sum of the rank's own thread");
        }
        other.join();
        for (int k = 0; k < 30; ++k) expect.equal(sums[static_cast<std::size_t>(k)], p * (p - 1) / 2 + p * k, "a sum of the other");
    });
}
