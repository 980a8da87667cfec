#include <tutti/adapt/eigen.hpp>
#include <tutti/collectives/all_reduce.hpp>
#include <tutti/collectives/broadcast.hpp>
#include <tutti/comm/threads.hpp>
#include <tutti/concepts/activation.hpp>
#include <tutti/concepts/model.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <span>
#include <type_traits>
#include <vector>

using tutti::adapt::span_of, tutti::adapt::spans_of;

using by_rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using tall = Eigen::Matrix<float, 3, Eigen::Dynamic>;

static_assert(tutti::activation<Eigen::MatrixXf> && tutti::activation<by_rows> && tutti::activation<tall>);
static_assert(tutti::activation<Eigen::VectorXd> && tutti::activation<Eigen::Matrix2f> && tutti::activation<Eigen::ArrayXXf>);
static_assert(!tutti::activation<Eigen::Map<Eigen::MatrixXf>>);  // owns nothing

template <class X>
concept has_span = requires(X&& x) {
    span_of(static_cast<X&&>(x));
};
static_assert(has_span<Eigen::MatrixXf&> && !has_span<Eigen::MatrixXf> && !has_span<std::vector<float>&>);

namespace {

struct affine {
    Eigen::MatrixXf weights = Eigen::MatrixXf::Constant(2, 3, 0.5F), weight_slopes = weights;
    Eigen::Vector2d bias{1, 2}, bias_slopes{0, 0};
    std::vector<Eigen::Vector3f> points = std::vector<Eigen::Vector3f>(3), point_slopes = points;

    auto parameters() { return spans_of(weights, bias, points); }
    auto gradients() { return spans_of(weight_slopes, bias_slopes, point_slopes); }
};
static_assert(tutti::trainable<affine>);

}  // namespace

TEST_CASE("spans hold the numbers of matrices, vectors, arrays and maps, in the order of memory") {
    Eigen::MatrixXf matrix(2, 2);
    matrix << 1, 2, 3, 4;
    CHECK(span_of(matrix).data() == matrix.data());
    CHECK(span_of(matrix)[1] == 3);
    by_rows rows = matrix.cast<double>();
    CHECK(span_of(rows)[1] == 2);
    Eigen::Array3i array{7, 8, 9};
    CHECK(span_of(array).size() == 3);
    CHECK(span_of(array)[2] == 9);
    Eigen::VectorXf const empty, some = Eigen::VectorXf::Ones(5);
    static_assert(std::is_same_v<decltype(span_of(some)), std::span<float const>>);
    CHECK(span_of(empty).empty());
    CHECK(span_of(some).size() == 5);
    std::vector<double> numbers{1, 2, 3, 4, 5, 6};
    CHECK(span_of(Eigen::Map<Eigen::MatrixXd>{numbers.data(), 2, 3}).data() == numbers.data());
    CHECK(span_of(Eigen::Map<Eigen::VectorXd const>{numbers.data(), 6}).size() == 6);
    std::vector<Eigen::Vector3f> points(4, Eigen::Vector3f{1, 2, 3}), none;
    CHECK(span_of(points).size() == 12);
    CHECK(span_of(points)[4] == 2);
    CHECK(span_of(none).empty());
}

TEST_CASE("collectives take them, and a model's blocks are they") {
    affine model;
    std::vector<std::size_t> sizes;
    tutti::for_each_block(tutti::parameters_of(model), [&](auto block) { sizes.push_back(block.size()); });
    CHECK(sizes == std::vector<std::size_t>{6, 2, 9});
    tutti::launch<tutti::comm::threads>(3, [](auto& world) {
        Eigen::MatrixXd sum = Eigen::MatrixXd::Constant(20, 30, world.rank());
        tutti::all_reduce(world, span_of(sum));
        CHECK((sum.array() == 3).all());
        std::vector<Eigen::Vector2f> points(100, Eigen::Vector2f{world.rank(), 1});
        tutti::broadcast(world, span_of(points), 2);
        CHECK(points[99] == Eigen::Vector2f{2, 1});
    });
}
