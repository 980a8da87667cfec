#include <tutti/partition/permutation.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

using tutti::partition::permutation;

namespace {

bool is_bijection(permutation const& order) {
    std::vector<bool> met(order.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
        std::size_t const to = order(i);
        if (to >= order.size() || met[to]) return false;
        met[to] = true;
    }
    return true;
}

std::vector<std::size_t> listed(permutation const& order) {
    std::vector<std::size_t> all;
    for (std::size_t i = 0; i < order.size(); ++i) all.push_back(order(i));
    return all;
}

std::size_t positions_that_differ(permutation const& a, permutation const& b) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < a.size(); ++i) count += a(i) != b(i);
    return count;
}

}  // namespace

TEST_CASE("a permutation is a bijection, for every size") {
    for (std::size_t size = 1; size <= 2000; ++size) CHECK(is_bijection({size, size * 3, size % 5}));
    for (int bits = 11; bits <= 17; ++bits)
        for (std::size_t const size : {(std::size_t{1} << bits) - 1, std::size_t{1} << bits, (std::size_t{1} << bits) + 1})
            CHECK(is_bijection({size, 1}));
    CHECK(is_bijection({1'000'000, 2}));
}

TEST_CASE("a permutation of few indices is a bijection for many seeds and epochs") {
    for (std::size_t size = 1; size <= 17; ++size)
        for (std::uint64_t seed = 0; seed < 40; ++seed)
            for (std::uint64_t epoch = 0; epoch < 10; ++epoch) CHECK(is_bijection({size, seed, epoch}));
}

TEST_CASE("a permutation stays in range and apart for sizes that no array could hold") {
    for (int const bits : {31, 32, 33, 47, 62}) {
        std::size_t const size = (std::size_t{1} << bits) + 12345;
        permutation const order{size, 5};
        std::vector<std::size_t> first;
        for (std::size_t i = 0; i < 100; ++i) first.push_back(order(i));
        for (std::size_t i = 0; i < first.size(); ++i) {
            CHECK(first[i] < size);
            for (std::size_t k = 0; k < i; ++k) CHECK(first[i] != first[k]);
        }
    }
}

TEST_CASE("a permutation is usable at compile time") {
    static_assert(permutation{1, 7}(0) == 0);
    static_assert([] {
        permutation const order{5, 1};
        return order(0) + order(1) + order(2) + order(3) + order(4);
    }() == 10);
    CHECK(permutation{5, 1}.size() == 5);
}

TEST_CASE("permutations are a function of size, seed and epoch alone") {
    CHECK(listed({1000, 3, 4}) == listed({1000, 3, 4}));
    CHECK(listed({1000, 3}) == listed({1000, 3, 0}));
}

TEST_CASE("seeds, epochs and both swapped give different permutations") {
    // Two random orders agree in about one of 1000 places; 20 or more do so with probability below 1e-18.
    permutation const base{1000, 0, 0};
    for (std::uint64_t k = 1; k <= 50; ++k) {
        CHECK(positions_that_differ(base, {1000, k, 0}) > 980);
        CHECK(positions_that_differ(base, {1000, 0, k}) > 980);
        CHECK(positions_that_differ({1000, k, 0}, {1000, 0, k}) > 980);
        CHECK(positions_that_differ({1000, k, k + 1}, {1000, k + 1, k}) > 980);
        CHECK(positions_that_differ(base, {1000, std::uint64_t{1} << (k + 12), 0}) > 980);
    }
}

TEST_CASE("a shuffle that was once seen is seen on every platform, in every release") {
    // Computed by a second implementation. A training that is resumed, or repeated elsewhere, relies on them.
    CHECK(listed({10, 0, 0}) == std::vector<std::size_t>{3, 4, 8, 1, 2, 5, 9, 6, 0, 7});
    CHECK(listed({10, 1, 0}) == std::vector<std::size_t>{5, 0, 4, 8, 7, 9, 1, 2, 3, 6});
    CHECK(listed({10, 1, 1}) == std::vector<std::size_t>{6, 1, 3, 5, 2, 8, 9, 4, 7, 0});
    CHECK(listed({3, 42, 7}) == std::vector<std::size_t>{2, 0, 1});
    permutation const large{1'000'003, 0x123456789abcdef0, 12};
    CHECK(std::array{large(0), large(1), large(2), large(1'000'002)} == std::array<std::size_t, 4>{126978, 163317, 197031, 828761});
    permutation const huge{(std::size_t{1} << 40) + 1, 9, 3};
    CHECK(std::array{huge(0), huge(1), huge(std::size_t{1} << 40)} ==
          std::array<std::size_t, 3>{902636781025, 928970315066, 71563950101});
}
