#include <tutti/concepts/activation.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <vector>

using tutti::activation;
namespace detail = tutti::detail;

namespace {

/// Three extents, of a type of its own.
struct cube {
    std::array<int, 3> extents{};
    std::vector<float> numbers{};

    auto const& shape() const { return extents; }
    void resize(std::array<int, 3> const& shape) {
        extents = shape;
        numbers.resize(static_cast<std::size_t>(shape[0] * shape[1] * shape[2]));
    }
    float* data() { return numbers.data(); }
};

/// Rows and columns of type `Index`, as matrices of libraries have them.
template <class Index>
struct matrix {
    Index height = 0, width = 0;
    std::vector<double> numbers{};

    Index rows() const { return height; }
    Index cols() const { return width; }
    void resize(Index rows, Index cols) {
        height = rows, width = cols;
        numbers.resize(static_cast<std::size_t>(rows * cols));
    }
    double* data() { return numbers.data(); }
};

struct immovable : std::vector<float> {
    immovable() = default;
    immovable(immovable const&) = delete;
    immovable& operator=(immovable const&) = delete;
};

static_assert(activation<std::vector<float>> && activation<std::array<double, 3>> && activation<cube> && activation<matrix<int>> &&
              activation<matrix<unsigned>>);
// No place in memory of their own, nothing side by side, addresses, or nothing that a receiver could build.
static_assert(!activation<std::span<float>> && !activation<std::list<float>> && !activation<std::vector<std::string>> &&
              !activation<std::unique_ptr<float>> && !activation<float> && !activation<immovable>);

/// Another object takes the shape of `a` and then its elements.
template <class A>
A copy_of(A& a) {
    A b{};
    detail::resize_to(b, detail::extents_of(a));
    auto const from = detail::span_of(a);
    auto const to = detail::span_of(b);
    REQUIRE(from.size() == to.size());
    for (std::size_t i = 0; i < from.size(); ++i) to[i] = from[i];
    return b;
}

}  // namespace

TEST_CASE("a shape goes from one activation to another, whatever says it, and the elements fit") {
    cube a;
    a.resize({2, 3, 4});
    for (std::size_t i = 0; i < a.numbers.size(); ++i) a.numbers[i] = static_cast<float>(i);
    auto const b = copy_of(a);
    CHECK(b.extents == std::array{2, 3, 4});
    CHECK(b.numbers == a.numbers);

    matrix<long> m;
    m.resize(5, 2);
    m.numbers[9] = 7;
    auto const n = copy_of(m);
    CHECK(n.rows() == 5);
    CHECK(n.cols() == 2);
    CHECK(n.numbers == m.numbers);

    std::vector<int> v{1, 2, 3};
    CHECK(copy_of(v) == v);
    std::array<char, 2> c{'a', 'b'};
    CHECK(copy_of(c) == c);
}

TEST_CASE("an activation may be empty") {
    cube a;
    a.resize({2, 0, 4});
    CHECK(copy_of(a).extents == std::array{2, 0, 4});
    std::vector<float> v;
    CHECK(copy_of(v).empty());
}
