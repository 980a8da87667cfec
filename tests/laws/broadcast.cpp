#include "backends.hpp"
#include "elements.hpp"

#include <tutti/collectives/broadcast.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

TEST_CASE_TEMPLATE("broadcast gives every rank the root's elements, for every root and size", T, std::int8_t, std::uint64_t, float,
                   double, laws::moments, laws::three_bytes, laws::matrix) {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        for (std::size_t const n : laws::sizes(world.size(), 3001))
            for (int const root : {0, world.size() / 2, world.size() - 1}) {
                std::vector<T> x(n);
                for (std::size_t i = 0; i < n; ++i) x[i] = laws::value<T>(world.rank() + 1, i);
                tutti::broadcast(world, x, root);
                expect.all(
                    x, [&](std::size_t i) { return laws::value<T>(root + 1, i); }, "broadcast from " + std::to_string(root));
            }
    });
}

TEST_CASE("broadcast of a large array is right at every element") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        std::vector<float> x(100'003);
        for (int const root : {0, world.size() - 1}) {
            for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i + static_cast<std::size_t>(world.rank()));
            tutti::broadcast(world, x, root);
            expect.all(
                x, [&](std::size_t i) { return static_cast<float>(i + static_cast<std::size_t>(root)); },
                "broadcast from " + std::to_string(root));
        }
    });
}

TEST_CASE("broadcasts in a row from changing roots do not run into one another") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        for (int turn = 0; turn < 60; ++turn) {
            int const root = turn % world.size();
            std::vector<int> x(turn % 3 == 0 ? 1000 : 10, world.rank() == root ? turn : -1);
            tutti::broadcast(world, x, root);
            expect.all(
                x, [&](std::size_t) { return turn; }, "turn " + std::to_string(turn));
        }
    });
}

TEST_CASE("broadcast of one value returns the root's") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        for (int root = 0; root < world.size(); ++root) {
            expect.equal(tutti::broadcast(world, world.rank() + 10, root), root + 10, "int");
            expect(tutti::broadcast(world, laws::value<laws::moments>(world.rank(), 3), root) ==
                       laws::value<laws::moments>(root, 3),
                   "struct");
        }
    });
}

TEST_CASE("broadcast refuses a root that is no rank before it sends anything") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        int const p = world.size();
        std::array<int, 3> x{1, 2, 3};
        for (int const root : {-1, p, p + 100}) {
            expect.throws<tutti::usage_error>([&] { tutti::broadcast(world, x, root); }, {"broadcast", std::to_string(root)},
                                              "no rank");
            expect.throws<tutti::usage_error>([&] { (void)tutti::broadcast(world, 1.0, root); },
                                              {"broadcast", std::to_string(root)}, "no rank for a value");
            expect.throws<tutti::usage_error>([&] { (void)tutti::start_broadcast(world, x, root); },
                                              {"broadcast", std::to_string(root)}, "no rank for a started one");
        }
        expect(x == std::array{1, 2, 3}, "nothing is written");
        expect.equal(tutti::broadcast(world, world.rank(), p - 1), p - 1, "the group is usable afterwards");
    });
}
