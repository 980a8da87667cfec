#include <tutti/concepts/dataset.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <deque>
#include <iterator>
#include <list>
#include <ranges>
#include <span>
#include <vector>

using tutti::selection;

namespace {

struct table {
    std::size_t size() const { return 3; }
    std::vector<double> batch(std::span<std::size_t const> rows) const { return {rows.begin(), rows.end()}; }
};
struct without_batch {
    std::size_t size() const { return 3; }
};

static_assert(tutti::dataset<std::vector<int>> && tutti::dataset<std::vector<int> const> && tutti::dataset<std::deque<int>> &&
              tutti::dataset<std::span<double const>> && tutti::dataset<std::array<int, 4>> && tutti::dataset<int[4]>);
static_assert(tutti::batching_dataset<table> && !tutti::range_dataset<table> && tutti::dataset<table const>);
static_assert(!tutti::dataset<std::list<int>> && !tutti::dataset<without_batch> && !tutti::dataset<int>);

static_assert(std::ranges::random_access_range<selection<std::vector<int>>> &&
              std::ranges::random_access_range<selection<std::deque<int> const>>);
static_assert(std::ranges::sized_range<selection<std::vector<int>>>);
static_assert(std::random_access_iterator<selection<std::vector<bool>>::iterator>);  // whose references are no references

std::array<std::size_t, 4> const rows{7, 0, 3, 3};
std::array<std::size_t, 8> const reversed{7, 6, 5, 4, 3, 2, 1, 0};

template <class Data>
std::vector<int> listed(selection<Data> const& some) {
    std::vector<int> all;
    for (auto const& each : some) all.push_back(each);
    return all;
}

}  // namespace

TEST_CASE("a selection shows the rows it was given, in their order, of any random-access range") {
    std::vector<int> vector{10, 11, 12, 13, 14, 15, 16, 17};
    std::deque<int> const deque(vector.begin(), vector.end());
    int plain[8] = {10, 11, 12, 13, 14, 15, 16, 17};
    std::vector<int> const wanted{17, 10, 13, 13};
    CHECK(listed(selection{vector, rows}) == wanted);
    CHECK(listed(selection{deque, rows}) == wanted);
    selection const backwards{vector, reversed};
    CHECK(listed(selection{backwards, rows}) == std::vector<int>{10, 17, 14, 14});
    CHECK(listed(selection{plain, rows}) == wanted);
}

TEST_CASE("a selection copies nothing") {
    std::vector<int> data{1, 2, 3, 4, 5, 6, 7, 8};
    selection some{data, rows};
    CHECK(&some[0] == &data[7]);
    for (int& each : some) each = 0;
    CHECK(data == std::vector{0, 2, 3, 0, 5, 6, 7, 0});
}

TEST_CASE("a selection knows its size and its rows, and may be empty") {
    std::vector<int> data{1, 2, 3, 4, 5, 6, 7, 8};
    selection const some{data, rows};
    CHECK(some.size() == 4);
    CHECK(!some.empty());
    CHECK(std::ranges::equal(some.rows(), rows));
    for (std::size_t i = 0; i < 4; ++i) CHECK(some[i] == data[rows[i]]);
    selection const none{data, {}};
    CHECK(none.empty());
    CHECK(none.begin() == none.end());
}

TEST_CASE("iterators of a selection move, compare and subtract as random-access iterators do") {
    std::vector<int> data{1, 2, 3, 4, 5, 6, 7, 8};
    selection const some{data, rows};
    auto const first = some.begin(), last = some.end();
    CHECK(last - first == 4);
    CHECK(first + 4 == last);
    CHECK(4 + first == last);
    CHECK(last - 4 == first);
    CHECK(first < last);
    CHECK(last > first);
    CHECK(first <= first);
    CHECK(first != last);
    CHECK(first[1] == 1);
    auto at = first;
    CHECK(*at++ == 8);
    CHECK(*at == 1);
    CHECK(*++at == 4);
    CHECK(*at-- == 4);
    CHECK(*--at == 8);
    at += 3;
    CHECK(at == last - 1);
    at -= 2;
    CHECK(*at == 1);
    CHECK(std::vector<int>(first, last) == std::vector{8, 1, 4, 4});
    CHECK(std::ranges::count(some, 4) == 2);
}
