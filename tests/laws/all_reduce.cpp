#include "backends.hpp"
#include "elements.hpp"

#include <tutti/collectives/all_gather.hpp>
#include <tutti/collectives/all_reduce.hpp>
#include <tutti/collectives/broadcast.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <vector>

TEST_CASE_TEMPLATE("all_reduce gives every rank the fold in rank order, in place and apart, for every size", T, std::int8_t,
                   std::uint64_t, float, double, laws::moments, laws::three_bytes, laws::affine, laws::matrix) {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        for (std::size_t const n : laws::sizes(world.size(), 3001)) {
            std::vector<T> mine(n), all(n);
            for (std::size_t i = 0; i < n; ++i) mine[i] = laws::value<T>(world.rank(), i);
            auto const brought = mine;
            auto const wanted = [&](std::size_t i) { return laws::folded<T>(world.size(), i); };
            tutti::all_reduce(world, mine, all, laws::combine{});
            expect.all(all, wanted, "all_reduce");
            expect(mine == brought, "all_reduce leaves its input as it is");
            tutti::all_reduce(world, mine, laws::combine{});
            expect.all(mine, wanted, "all_reduce in place");
            all = brought;
            tutti::all_reduce(world, std::span<T const>{all}, std::span{all}, laws::combine{});
            expect.all(all, wanted, "all_reduce in place by two views");
        }
    });
}

TEST_CASE("all_reduce of a large array is right at every element") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        std::vector<float> mine(100'003);
        for (std::size_t i = 0; i < mine.size(); ++i) mine[i] = static_cast<float>(world.rank() + 1) * static_cast<float>(i % 1000);
        tutti::all_reduce(world, mine);
        float const triangle = static_cast<float>(world.size() * (world.size() + 1)) / 2;
        expect.all(
            mine, [&](std::size_t i) { return triangle * static_cast<float>(i % 1000); }, "sum");
    });
}

TEST_CASE("all_reduce is right for every small size, where schemes for small calls meet those for large ones") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        int const step = world.size() > 8 ? 7 : 1;  // ranks without a core of their own are slow
        for (std::size_t n = 0; n <= 300; n += static_cast<std::size_t>(step)) {
            std::vector<std::int32_t> x(n);
            for (std::size_t i = 0; i < n; ++i) x[i] = laws::value<std::int32_t>(world.rank(), i);
            tutti::all_reduce(world, x);
            expect.all(
                x, [&](std::size_t i) { return laws::folded<std::int32_t>(world.size(), i); }, "sum of " + std::to_string(n));
        }
        for (std::size_t n = 540; n <= 550; ++n) {
            std::vector<std::uint8_t> x(n, static_cast<std::uint8_t>(world.rank() + 1));
            tutti::all_reduce(world, x);
            expect.all(
                x, [&](std::size_t) { return static_cast<std::uint8_t>(world.size() * (world.size() + 1) / 2); }, "sum of bytes");
        }
    });
}

TEST_CASE("all_reduce takes the standard operations, with plus as the default") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        int const r = world.rank(), p = world.size();
        for (std::size_t const n : {std::size_t{3}, std::size_t{5000}}) {
            auto reduced = [&](auto mine, auto operation) {
                std::vector x(n, mine);
                tutti::all_reduce(world, x, operation);
                return x;
            };
            double factorial = 1;
            for (int k = 1; k <= p; ++k) factorial *= k;
            expect.all(
                reduced(r + 1.0, std::plus<>{}), [&](std::size_t) { return p * (p + 1) / 2.0; }, "plus");
            expect.all(
                reduced(r + 1.0, std::multiplies<>{}), [&](std::size_t) { return factorial; }, "multiplies");
            expect.all(
                reduced(std::uint32_t{1} << r, std::bit_or<>{}), [&](std::size_t) { return (std::uint32_t{1} << p) - 1; },
                "bit_or");
            expect.all(
                reduced(~(std::uint32_t{1} << r), std::bit_and<>{}), [&](std::size_t) { return ~((std::uint32_t{1} << p) - 1); },
                "bit_and");
            std::uint32_t parity = 0;
            for (int k = 0; k < p; ++k) parity ^= static_cast<std::uint32_t>(5 * k + 3);
            expect.all(
                reduced(static_cast<std::uint32_t>(5 * r + 3), std::bit_xor<>{}), [&](std::size_t) { return parity; }, "bit_xor");
            expect.all(
                reduced(r == p - 1 ? 0 : 1, std::logical_and<>{}), [&](std::size_t) { return 0; }, "logical_and");
            expect.all(
                reduced(r == p - 1 ? 1 : 0, std::logical_or<>{}), [&](std::size_t) { return 1; }, "logical_or");
            expect.all(
                reduced(r, [](int a, int b) { return a < b ? b : a; }), [&](std::size_t) { return p - 1; }, "a lambda");
            std::vector<int> x(n, 2);
            tutti::all_reduce(world, x);
            expect.all(
                x, [&](std::size_t) { return 2 * p; }, "the default");
        }
    });
}

TEST_CASE("the operation of all_reduce may carry state") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        std::array<std::uint64_t, 3> const modulus{1'000'003, 997, 31};
        std::size_t const which = static_cast<std::size_t>(world.size()) % 3;
        auto const multiply = [modulus, &which](std::uint64_t a, std::uint64_t b) { return a * b % modulus[which]; };
        for (std::size_t const n : {std::size_t{2}, std::size_t{3000}}) {
            std::vector<std::uint64_t> x(n);
            for (std::size_t i = 0; i < n; ++i) x[i] = laws::value<std::uint64_t>(world.rank(), i) % modulus[which];
            tutti::all_reduce(world, x, multiply);
            auto const wanted = [&](std::size_t i) {
                std::uint64_t product = 1;
                for (int k = 0; k < world.size(); ++k) product = product * laws::value<std::uint64_t>(k, i) % modulus[which];
                return product;
            };
            expect.all(x, wanted, "product modulo a captured number");
        }
    });
}

TEST_CASE("all_reduce of one value gives the fold of one value per rank") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        int const r = world.rank(), p = world.size();
        expect.equal(tutti::all_reduce(world, r + 1.0), p * (p + 1) / 2.0, "sum");
        expect.equal(tutti::all_reduce(world, r, [](int a, int b) { return a < b ? b : a; }), p - 1, "largest");
        expect(!tutti::all_reduce(world, r == 0, [](bool a, bool b) { return a && b; }) || p == 1, "all of some truths");
        expect(tutti::all_reduce(world, laws::value<laws::affine>(r, 4), laws::combine{}) == laws::folded<laws::affine>(p, 4),
               "composition in rank order");
    });
}

// Sums of these round differently in every order, so a fold in another order shows in the last bits.
static float awkward(int rank, std::size_t i) {
    return 1.0f / static_cast<float>(3 + static_cast<std::size_t>(rank) * 7 + i % 101);
}

TEST_CASE("all_reduce gives rounded sums the same bits on every rank") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        for (std::size_t const n : {std::size_t{1}, std::size_t{100}, std::size_t{10'007}}) {
            std::vector<float> x(n), theirs(n);
            for (std::size_t i = 0; i < n; ++i) x[i] = awkward(world.rank(), i);
            tutti::all_reduce(world, x);
            theirs = x;
            tutti::broadcast(world, theirs, world.size() - 1);
            expect(std::memcmp(x.data(), theirs.data(), n * sizeof(float)) == 0, "the last rank has the same bits");
        }
    });
}

TEST_CASE("on threads all_reduce folds rounded sums in rank order, so that every run gives the same bits") {
    laws::on_threads(laws::thread_ranks, [](auto& world, laws::expectation const& expect) {
        for (std::size_t const n : {std::size_t{1}, std::size_t{100}, std::size_t{137}, std::size_t{10'007}}) {
            for (int run = 0; run < 3; ++run) {
                std::vector<float> x(n);
                for (std::size_t i = 0; i < n; ++i) x[i] = awkward(world.rank(), i);
                tutti::all_reduce(world, x);
                auto const wanted = [&](std::size_t i) {
                    float sum = awkward(0, i);
                    for (int k = 1; k < world.size(); ++k) sum += awkward(k, i);
                    return std::bit_cast<std::uint32_t>(sum);
                };
                std::vector<std::uint32_t> bits(n);
                for (std::size_t i = 0; i < n; ++i) bits[i] = std::bit_cast<std::uint32_t>(x[i]);
                expect.all(bits, wanted, "bits of a rounded sum");
            }
        }
    });
}

TEST_CASE("all_reduce takes arrays, spans of parts and plain arrays") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        int const p = world.size();
        std::array<int, 4> array{1, 2, 3, 4};
        tutti::all_reduce(world, array);
        expect(array == std::array{p, 2 * p, 3 * p, 4 * p}, "std::array");
        std::vector<int> x(10, 1);
        tutti::all_reduce(world, std::span{x}.subspan(2, 3));
        expect(x == std::vector{1, 1, p, p, p, 1, 1, 1, 1, 1}, "a part of a vector");
        double plain[2] = {0.5, 2};
        if constexpr (requires { tutti::all_reduce(world, plain); }) tutti::all_reduce(world, plain);
        else expect(false, "a plain array does not compile");
        expect(plain[0] == 0.5 * p && plain[1] == 2.0 * p, "a plain array");
        std::vector<int> const source(4, 3);
        tutti::all_reduce(world, source, array);
        expect(array == std::array{3 * p, 3 * p, 3 * p, 3 * p}, "from a const vector to an array");
    });
}

TEST_CASE("all_reduce refuses sizes that differ and buffers that overlap before it sends anything") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        for (std::size_t const n : {std::size_t{4}, std::size_t{4000}}) {
            std::vector<int> mine(n, 1), all(n + 1, 7);
            expect.throws<tutti::usage_error>([&] { tutti::all_reduce(world, mine, all); },
                                              {"all_reduce", std::to_string(n), std::to_string(n + 1)}, "sizes differ");
            expect.throws<tutti::usage_error>([&] { tutti::all_reduce(world, std::span{all}.first(n), std::span{all}.last(n)); },
                                              {"all_reduce", "overlap"}, "overlap");
            expect.throws<tutti::usage_error>([&] { tutti::all_reduce(world, std::span{all}.last(n), std::span{all}.first(n)); },
                                              {"all_reduce", "overlap"}, "overlap");
            expect.throws<tutti::usage_error>([&] { (void)tutti::start_all_reduce(world, mine, all); }, {"all_reduce"},
                                              "sizes of a started one differ");
            expect(all == std::vector<int>(n + 1, 7), "nothing is written");
            tutti::all_reduce(world, std::span{all}.first(n / 2), std::span{all}.subspan(n / 2, n / 2));
            expect.all(
                std::span{all}.subspan(n / 2, n / 2), [&](std::size_t) { return 7 * world.size(); }, "neighbours do not overlap");
            tutti::all_reduce(world, mine);
            expect.all(
                mine, [&](std::size_t) { return world.size(); }, "the group is usable afterwards");
        }
    });
}
