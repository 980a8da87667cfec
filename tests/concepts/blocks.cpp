#include <tutti/concepts/blocks.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <list>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace detail = tutti::detail;

namespace {

struct numbers {
    std::array<float, 3> a{1, 2, 3};
    std::vector<double> b{4, 5};
    std::vector<std::vector<float>> many{{6}, {}, {7, 8, 9, 10}};

    auto spans_of_many() {
        std::vector<std::span<float>> spans;
        for (auto& each : many) spans.emplace_back(each);
        return spans;
    }
    auto all() { return std::tuple{std::span{a}, std::pair{std::span{b}, spans_of_many()}}; }
};

template <class Blocks>
std::vector<double> flattened(Blocks&& blocks) {
    std::vector<double> all;
    tutti::for_each_block(blocks, [&](auto block) {
        for (auto const x : block) all.push_back(static_cast<double>(x));
    });
    return all;
}

}  // namespace

TEST_CASE("blocks are views or references: numbers that would be gone with the list that holds them are none") {
    using spans = std::vector<std::span<float>>;
    using arrays = std::array<std::array<float, 2>, 2>;
    CHECK(detail::all_blocks<spans>());
    CHECK(detail::all_blocks<std::array<std::span<double>, 3>>());
    CHECK(detail::all_blocks<std::list<std::tuple<std::span<float>, std::vector<double>&>>>());
    CHECK(detail::all_blocks<std::vector<spans>>());
    CHECK(detail::all_blocks<arrays&>());
    CHECK(detail::all_blocks<std::span<std::vector<float>>>());
    CHECK(detail::all_blocks<std::array<float, 2> (&)[2]>());
    CHECK(!detail::all_blocks<std::vector<float>>());
    CHECK(!detail::all_blocks<arrays>());
    CHECK(!detail::all_blocks<std::vector<std::vector<float>>>());
    CHECK(!detail::all_blocks<std::vector<std::tuple<std::span<float>, std::vector<double>>>>());
    CHECK(!detail::all_blocks<std::tuple<std::span<float>, arrays>>());
}

TEST_CASE("for_each_block goes through one span, an array, a range and nested tuples in order") {
    numbers n;
    CHECK(flattened(std::span{n.a}) == std::vector<double>{1, 2, 3});
    CHECK(flattened(n.b) == std::vector<double>{4, 5});
    CHECK(flattened(n.spans_of_many()) == std::vector<double>{6, 7, 8, 9, 10});
    CHECK(flattened(std::array{std::span{n.many[0]}, std::span{n.many[2]}}) == std::vector<double>{6, 7, 8, 9, 10});
    CHECK(flattened(std::list<std::span<double>>{n.b, n.b}) == std::vector<double>{4, 5, 4, 5});
    CHECK(flattened(n.all()) == std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
    CHECK(flattened(std::tuple{}) == std::vector<double>{});
}

TEST_CASE("for_each_block shows the memory itself") {
    numbers n;
    tutti::for_each_block(n.all(), [](auto block) {
        for (auto& x : block) x *= 2;
    });
    CHECK(n.a == std::array<float, 3>{2, 4, 6});
    CHECK(n.b == std::vector<double>{8, 10});
    CHECK(n.many[2] == std::vector<float>{14, 16, 18, 20});
}

TEST_CASE("for_each_block_pair pairs blocks of equal shape") {
    numbers x, g;
    for (auto& each : g.b) each = -each;
    std::vector<std::pair<double, double>> met;
    std::vector<bool> is_double;
    tutti::for_each_block_pair(x.all(), g.all(), [&](auto a, auto b) {
        is_double.push_back(std::is_same_v<typename decltype(a)::value_type, double>);
        REQUIRE(a.size() == b.size());
        for (std::size_t i = 0; i < a.size(); ++i) met.emplace_back(static_cast<double>(a[i]), static_cast<double>(b[i]));
    });
    CHECK(is_double == std::vector<bool>{false, true, false, false, false});
    REQUIRE(met.size() == 10);
    for (std::size_t i = 0; i < 10; ++i) {
        CHECK(met[i].first == static_cast<double>(i + 1));
        CHECK(met[i].second == (i == 3 || i == 4 ? -1.0 : 1.0) * static_cast<double>(i + 1));
    }
}

TEST_CASE("block_sizes counts elements of every block, empty ones included") {
    numbers n;
    CHECK(detail::block_sizes(n.all()) == std::vector<std::size_t>{3, 2, 1, 0, 4});
}

TEST_CASE("shape_of tells lists apart that hold the same blocks in another nesting") {
    numbers n;
    std::span<float> const one{n.many[0]};
    using nest = std::vector<std::vector<std::span<float>>>;
    CHECK(detail::shape_of(n.all()) == std::vector<std::size_t>{3, 2, 3, 1, 0, 4});
    CHECK(detail::shape_of(nest{{one, one}, {one}}) == std::vector<std::size_t>{2, 2, 1, 1, 1, 1});
    CHECK(detail::shape_of(nest{{one}, {one, one}}) == std::vector<std::size_t>{2, 1, 1, 2, 1, 1});
    CHECK(detail::shape_of(nest{{one, one, one}}) != detail::shape_of(nest{{one, one, one}, {}}));
}

TEST_CASE("fingerprint is the same for the same bits and another when any one bit flips") {
    numbers n;
    auto const before = detail::fingerprint(n.all());
    numbers same;
    CHECK(detail::fingerprint(same.all()) == before);
    auto flips = [&](auto& x) {
        auto* const bytes = reinterpret_cast<unsigned char*>(&x);
        bool noticed = true;
        for (std::size_t bit = 0; bit < 8 * sizeof x; ++bit) {
            auto const mask = static_cast<unsigned char>(1u << bit % 8);
            bytes[bit / 8] ^= mask;
            noticed = noticed && detail::fingerprint(n.all()) != before;
            bytes[bit / 8] ^= mask;
        }
        return noticed;
    };
    for (auto& x : n.a) CHECK(flips(x));
    for (auto& x : n.b) CHECK(flips(x));
    for (auto& x : n.many[2]) CHECK(flips(x));
    std::swap(n.a[0], n.a[2]);
    CHECK(detail::fingerprint(n.all()) != before);
}
