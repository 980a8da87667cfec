#include "backends.hpp"
#include "elements.hpp"

#include <tutti/collectives/all_gather.hpp>
#include <tutti/collectives/all_reduce.hpp>
#include <tutti/collectives/barrier.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

TEST_CASE_TEMPLATE("all_gather gives every rank all ranks' elements in rank order, in place and apart, for every size", T,
                   std::int8_t, std::uint64_t, float, double, laws::moments, laws::three_bytes, laws::matrix) {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        auto const p = static_cast<std::size_t>(world.size()), r = static_cast<std::size_t>(world.rank());
        for (std::size_t const n : laws::sizes(world.size(), 1009)) {
            std::vector<T> mine(n), all(n * p);
            for (std::size_t i = 0; i < n; ++i) mine[i] = laws::value<T>(world.rank(), i);
            auto const brought = mine;
            auto const wanted = [&](std::size_t i) { return laws::value<T>(static_cast<int>(i / n), i % n); };
            tutti::all_gather(world, mine, all);
            expect.all(all, wanted, "all_gather");
            expect(mine == brought, "all_gather leaves its input as it is");
            std::vector<T> places(n * p);
            std::span const place = std::span{places}.subspan(r * n, n);
            for (std::size_t i = 0; i < n; ++i) place[i] = mine[i];
            tutti::all_gather(world, place, places);
            expect.all(places, wanted, "all_gather in place");
        }
    });
}

TEST_CASE("all_gather of a large array is right at every element") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        std::size_t const n = 20'003;  // times the ranks
        std::vector<std::int32_t> mine(n), all(n * static_cast<std::size_t>(world.size()));
        for (std::size_t i = 0; i < n; ++i) mine[i] = static_cast<std::int32_t>(i) * 16 + world.rank();
        tutti::all_gather(world, mine, all);
        expect.all(
            all, [&](std::size_t i) { return static_cast<std::int32_t>(i % n) * 16 + static_cast<std::int32_t>(i / n); },
            "all_gather");
    });
}

TEST_CASE("all_gather of one value gives every rank's, in rank order") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        auto const squares = tutti::all_gather(world, world.rank() * world.rank());
        expect.equal(squares.size(), static_cast<std::size_t>(world.size()), "one per rank");
        expect.all(
            squares, [](std::size_t k) { return static_cast<int>(k * k); }, "squares");
        expect.all(
            tutti::all_gather(world, laws::value<laws::matrix>(world.rank(), 1)),
            [](std::size_t k) { return laws::value<laws::matrix>(static_cast<int>(k), 1); }, "over-aligned struct");
    });
}

TEST_CASE("all_gather refuses sizes that do not fit and buffers that overlap before it sends anything") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        auto const p = static_cast<std::size_t>(world.size()), r = static_cast<std::size_t>(world.rank());
        for (std::size_t const n : {std::size_t{4}, std::size_t{1000}}) {
            std::vector<int> const mine(n, world.rank());
            std::vector<int> all(n * p, -1), wide(n * p + 1);
            expect.throws<tutti::usage_error>([&] { tutti::all_gather(world, mine, wide); }, {"all_gather", std::to_string(n * p)},
                                              "too large an output");
            expect.throws<tutti::usage_error>([&] { tutti::all_gather(world, mine, std::span{all}.first(n * p - 1)); },
                                              {"all_gather"}, "too small an output");
            expect.throws<tutti::usage_error>([&] { (void)tutti::start_all_gather(world, mine, wide); }, {"all_gather"},
                                              "sizes of a started one do not fit");
            std::size_t const elsewhere = p == 1 ? 1 : (r + 1) % p * n;  // within the output, but not this rank's place
            expect.throws<tutti::usage_error>(
                [&] { tutti::all_gather(world, std::span{wide}.subspan(elsewhere, n), std::span{wide}.first(n * p)); },
                {"all_gather", "overlap"}, "another rank's place");
            expect(all == std::vector<int>(n * p, -1), "nothing is written");
            tutti::all_gather(world, mine, all);
            expect.all(
                all, [&](std::size_t i) { return static_cast<int>(i / n); }, "the group is usable afterwards");
        }
    });
}

TEST_CASE("barrier may be called any number of times, among other collectives") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        for (int turn = 0; turn < 50; ++turn) {
            tutti::barrier(world);
            if (turn % 5 == 0) expect.equal(tutti::all_reduce(world, turn), turn * world.size(), "sum between barriers");
        }
    });
}
