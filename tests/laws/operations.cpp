#include "backends.hpp"
#include "elements.hpp"

#include <tutti/collectives/algorithm/recursive_doubling.hpp>
#include <tutti/collectives/algorithm/ring.hpp>
#include <tutti/collectives/all_reduce.hpp>
#include <tutti/collectives/exclusive_scan.hpp>
#include <tutti/collectives/reduce.hpp>
#include <tutti/collectives/reduce_scatter.hpp>
#include <tutti/collectives/scan.hpp>
#include <tutti/concepts/half.hpp>
#include <tutti/concepts/operation.hpp>

#include <algorithm>
#include <array>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <type_traits>
#include <vector>

static_assert(tutti::commutes<std::plus<>, std::complex<float>> && tutti::commutes<std::multiplies<>, std::complex<double>>);
static_assert(!tutti::commutes<tutti::minimum, std::complex<float>> && !tutti::commutes<std::minus<>, std::complex<float>>);
static_assert(tutti::commutes<std::bit_xor<>, unsigned> && !tutti::commutes<std::plus<>, laws::moments>);
static_assert(tutti::number_kind_of<std::complex<float>> == tutti::number_kind::complex);
static_assert(tutti::number_kind_of<tutti::half> != tutti::number_kind_of<tutti::bfloat16>);

namespace {

/// Values with many bits set, so that no two operations give the same.
template <class T>
T mixed(int rank, std::size_t i) {
    return static_cast<T>((i + 3) * 2654435761u * (static_cast<unsigned>(rank) * 2 + 1) >> 7);
}

template <class T, class Operation>
void folds(Operation operation) {
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        int const p = world.size();
        for (std::size_t const n : laws::sizes(p, 2003)) {
            std::vector<T> mine(n), got(n);
            for (std::size_t i = 0; i < n; ++i) mine[i] = mixed<T>(world.rank(), i);
            auto const wanted = [&](std::size_t i) {
                T result = mixed<T>(0, i);
                for (int k = 1; k < p; ++k) result = static_cast<T>(operation(result, mixed<T>(k, i)));
                return result;
            };
            tutti::all_reduce(world, mine, got, operation);
            expect.all(got, wanted, "all_reduce");
            tutti::all_reduce(world, mine, got, operation, tutti::algorithm::recursive_doubling{});
            expect.all(got, wanted, "by recursive doubling");
        }
    });
}

/// Numbers with all bits of their type in use, of very different sizes.
template <class T>
T rough(int rank, std::size_t i) {
    auto const spread = static_cast<float>(1 << (static_cast<unsigned>(rank) * 5 + i) % 8);
    return static_cast<T>((1.f + static_cast<float>(i % 97) / 97.f) * spread / static_cast<float>(rank + 3));
}
/// Folded in float in rank order, and rounded once.
template <class T, class Operation>
T folded_in_float(int ranks, std::size_t i, Operation operation) {
    float result{rough<T>(0, i)};
    for (int k = 1; k < ranks; ++k) result = operation(result, float{rough<T>(k, i)});
    return T{result};
}

/// t -> factor * t + shift, modulo 2^64. Too large to be returned in registers.
struct line {
    std::uint64_t factor, shift;
    std::array<std::uint64_t, 2> unused{};
    friend bool operator==(line const&, line const&) = default;
};
/// A call that the compiler cannot see through.
[[gnu::noinline]] std::uint64_t at(line const& x, std::uint64_t t) { return x.factor * t + x.shift; }

}  // namespace

TEST_CASE("an operation may read its arguments while it makes its result") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        auto const after = [](line const& x, line const& y) { return line{x.factor * y.factor, at(x, y.shift), {}}; };
        for (std::size_t const n : laws::sizes(world.size(), 301)) {
            auto const of = [](int rank, std::size_t i) { return line{i + 2, static_cast<std::size_t>(rank) + i, {}}; };
            std::vector<line> mine(n), got(n);
            for (std::size_t i = 0; i < n; ++i) mine[i] = of(world.rank(), i);
            auto const wanted = [&](std::size_t i) {
                line result = of(0, i);
                for (int rank = 1; rank < world.size(); ++rank) {
                    auto const next = of(rank, i);
                    result = {result.factor * next.factor, result.factor * next.shift + result.shift, {}};
                }
                return result;
            };
            tutti::all_reduce(world, mine, got, after);
            expect.all(got, wanted, "all_reduce");
        }
    });
}

TEST_CASE_TEMPLATE("bitwise operations fold whole numbers", T, std::uint8_t, std::int32_t, std::uint64_t) {
    folds<T>(std::bit_and<>{});
    folds<T>(std::bit_or<>{});
    folds<T>(std::bit_xor<>{});
}

TEST_CASE_TEMPLATE("logical operations, extremes and products fold numbers", T, std::uint8_t, std::int32_t) {
    folds<T>(std::logical_and<>{});
    folds<T>(std::logical_or<>{});
    folds<T>(tutti::minimum{});
    folds<T>(tutti::maximum{});
    if constexpr (std::is_unsigned_v<T>) folds<T>(std::multiplies<>{});
}

TEST_CASE_TEMPLATE("complex numbers are added and multiplied, by algorithms that reorder too", T, float, double) {
    using complex = std::complex<T>;
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        int const p = world.size(), r = world.rank();
        for (std::size_t const n : laws::sizes(p, 2003)) {
            std::vector<complex> mine(n), got(n);
            auto value = [](int rank, std::size_t i) { return complex{static_cast<T>(rank + 1), static_cast<T>(i % 5)}; };
            for (std::size_t i = 0; i < n; ++i) mine[i] = value(r, i);
            auto const sum = [&](std::size_t i) {
                return complex{static_cast<T>(p * (p + 1) / 2), static_cast<T>(static_cast<std::size_t>(p) * (i % 5))};
            };
            tutti::all_reduce(world, mine, got);
            expect.all(got, sum, "sum");
            tutti::all_reduce(world, mine, got, std::plus<>{}, tutti::algorithm::ring{});
            expect.all(got, sum, "sum by ring");
            tutti::all_reduce(world, mine, got, tutti::average{});
            expect.all(
                got, [&](std::size_t i) { return sum(i) / static_cast<T>(p); }, "average");
            // i^(rank + 1): whole numbers, however many are multiplied.
            constexpr int turns[4][2] = {{1, 0}, {0, 1}, {-1, 0}, {0, -1}};
            auto power = [&](int k) { return complex{static_cast<T>(turns[k % 4][0]), static_cast<T>(turns[k % 4][1])}; };
            std::fill(mine.begin(), mine.end(), power(r + 1));
            tutti::all_reduce(world, mine, got, std::multiplies<>{});
            expect.all(
                got, [&](std::size_t) { return power(p * (p + 1) / 2); }, "product");
            tutti::all_reduce(world, mine, got, std::multiplies<>{}, tutti::algorithm::ring{});
            expect.all(
                got, [&](std::size_t) { return power(p * (p + 1) / 2); }, "product by ring");
        }
    });
}

TEST_CASE_TEMPLATE("sums of 16-bit numbers are exact where they are small and whole", T, tutti::half, tutti::bfloat16) {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        std::vector<T> x(1003, T{static_cast<float>(world.rank() + 1)});
        tutti::all_reduce(world, x);
        T const triangle{static_cast<float>(world.size() * (world.size() + 1) / 2)};
        expect.all(
            x, [&](std::size_t) { return triangle; }, "sum");
    });
}

TEST_CASE_TEMPLATE("reductions of 16-bit numbers add up in float and round once on threads", T, tutti::half, tutti::bfloat16) {
    laws::on_threads(laws::thread_ranks, [](auto& world, laws::expectation const& expect) {
        int const p = world.size(), r = world.rank();
        auto const ranks = static_cast<std::size_t>(p), me = static_cast<std::size_t>(r);
        for (std::size_t const n : laws::sizes(p, 2003)) {
            std::vector<T> mine(n), got(n), all(n * ranks);
            for (std::size_t i = 0; i < n; ++i) mine[i] = rough<T>(r, i);
            for (std::size_t i = 0; i < all.size(); ++i) all[i] = rough<T>(r, i);
            auto const sum_of = [&](int count) {
                return [count](std::size_t i) { return folded_in_float<T>(count, i, std::plus<>{}); };
            };
            tutti::all_reduce(world, mine, got);
            expect.all(got, sum_of(p), "all_reduce");
            tutti::all_reduce(world, mine, got, std::plus<T>{});
            expect.all(got, sum_of(p), "all_reduce with std::plus of the type");
            tutti::all_reduce(world, mine, got, [](auto a, auto b) { return a * b; });
            expect.all(
                got, [&](std::size_t i) { return folded_in_float<T>(p, i, std::multiplies<>{}); }, "a generic product");
            tutti::all_reduce(world, mine, got, tutti::maximum{});
            expect.all(
                got, [&](std::size_t i) { return folded_in_float<T>(p, i, tutti::maximum{}); }, "maximum");
            tutti::reduce(world, mine, got, 0);
            if (r == 0) expect.all(got, sum_of(p), "reduce");
            tutti::reduce_scatter(world, all, got);
            expect.all(
                got, [&](std::size_t i) { return sum_of(p)(me * n + i); }, "reduce_scatter");
            tutti::scan(world, mine, got);
            expect.all(got, sum_of(r + 1), "scan");
            tutti::exclusive_scan(world, mine, got, T{0.f});
            if (r > 0) expect.all(got, sum_of(r), "exclusive_scan");
            else
                expect.all(
                    got, [](std::size_t) { return T{0.f}; }, "exclusive_scan");
            auto in_place = mine;
            tutti::exclusive_scan(world, in_place, in_place, T{0.f});
            expect(in_place == got, "exclusive_scan in place");
            in_place = mine;
            tutti::scan(world, in_place, in_place);
            expect.all(in_place, sum_of(r + 1), "scan in place");
            tutti::all_reduce(world, mine);
            expect.all(mine, sum_of(p), "all_reduce in place");
        }
        // Rounded at each step the sum would stay at the first power of two whose neighbours are 2 apart.
        float const large = std::is_same_v<T, tutti::half> ? 2048.f : 256.f;
        auto const sum = tutti::all_reduce(world, T{r == 0 ? large : 1.f});
        expect.equal(float{sum}, float{T{large + static_cast<float>(p - 1)}}, "small ones add up");
        auto const product = tutti::all_reduce(world, T{r < 5 ? 2.f : 1.f}, [](T const& a, T const& b) { return a * b; });
        expect.equal(float{product}, static_cast<float>(1 << std::min(p, 5)), "an operation that takes no float");
    });
}

TEST_CASE_TEMPLATE("an average is the sum divided by the number of ranks, for every call that takes it", T, float, double,
                   tutti::half, tutti::bfloat16) {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        int const p = world.size(), r = world.rank();
        auto const ranks = static_cast<std::size_t>(p), me = static_cast<std::size_t>(r);
        using wide = tutti::accumulator_t<T>;
        tutti::average const average;
        auto value = [](int rank, std::size_t i) { return static_cast<T>(rank + static_cast<int>(i % 7)); };
        // The sum is a small whole number, and exact in each of the types.
        auto wanted = [&](std::size_t i) {
            return static_cast<T>(static_cast<wide>(p * (p - 1) / 2 + p * static_cast<int>(i % 7)) / static_cast<wide>(p));
        };
        for (std::size_t const n : laws::sizes(p, 2003)) {
            std::vector<T> mine(n), all(n * ranks), blank(n), got;
            for (std::size_t i = 0; i < n; ++i) mine[i] = value(r, i);
            for (std::size_t i = 0; i < all.size(); ++i) all[i] = value(r, i);
            got = blank;
            tutti::all_reduce(world, mine, got, average);
            expect.all(got, wanted, "all_reduce");
            got = blank;
            tutti::all_reduce(world, mine, got, average, tutti::algorithm::ring{});
            expect.all(got, wanted, "all_reduce by ring");
            got = mine;
            tutti::all_reduce(world, got, average);
            expect.all(got, wanted, "all_reduce in place");
            got = blank;
            tutti::start_all_reduce(world, mine, got, average).wait();
            expect.all(got, wanted, "start_all_reduce");
            got = mine;
            tutti::start_all_reduce(world, got, average).wait();
            expect.all(got, wanted, "start_all_reduce in place");
            for (bool const started : {false, true}) {
                got = blank;
                if (started) tutti::start_reduce(world, mine, got, p - 1, average).wait();
                else tutti::reduce(world, mine, got, p - 1, average);
                if (r == p - 1) expect.all(got, wanted, "reduce");
                else expect(got == blank, "reduce elsewhere");
                got = blank;
                if (started) tutti::start_reduce_scatter(world, all, got, average).wait();
                else tutti::reduce_scatter(world, all, got, average);
                expect.all(
                    got, [&](std::size_t i) { return wanted(me * n + i); }, "reduce_scatter");
                got = blank;
                std::vector<std::size_t> const counts(ranks, n);
                if (started) tutti::start_reduce_scatter_v(world, all, got, counts, average).wait();
                else tutti::reduce_scatter_v(world, all, got, counts, average);
                expect.all(
                    got, [&](std::size_t i) { return wanted(me * n + i); }, "reduce_scatter_v");
            }
        }
        expect(tutti::all_reduce(world, value(r, 0), average) == wanted(0), "one value");
        auto const one = tutti::reduce(world, value(r, 0), 0, average);
        expect(one == (r == 0 ? wanted(0) : value(r, 0)), "one value at the root");
    });
}

TEST_CASE("ranks of which one averages and the others add up are told") {
    laws::on_threads({2, 3}, [](auto& world, laws::expectation const& expect) {
        std::vector<float> x(8);
        auto call = [&] {
            if (world.rank() == 0) tutti::all_reduce(world, x, tutti::average{});
            else tutti::all_reduce(world, x);
        };
        expect.template throws<tutti::collective_mismatch>(call, {"tutti::average", "std::plus"}, "average");
    });
}
