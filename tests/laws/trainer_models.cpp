#include "backends.hpp"
#include "training.hpp"

#include <tutti/concepts/dataset.hpp>
#include <tutti/concepts/model.hpp>
#include <tutti/optim/adam.hpp>
#include <tutti/optim/sgd.hpp>
#include <tutti/partition/shuffled.hpp>
#include <tutti/sync/all_reduce.hpp>
#include <tutti/train/data_parallel_trainer.hpp>

#include <array>
#include <cstddef>
#include <deque>
#include <memory>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace optim = tutti::optim;
namespace partition = tutti::partition;

// Every model here is y = a x + b under the mean of squares, in another shape: all must train as laws::line does.

namespace {

struct slopes {
    double a = 0, b = 0, loss = 0;
};
slopes slopes_at(double a, double b, auto const& batch) {
    slopes found;
    double const n = static_cast<double>(batch.size());
    for (laws::point const& each : batch) {
        double const error = a * each.x + b - each.y;
        found.a += 2 * error * each.x / n, found.b += 2 * error / n, found.loss += error * error / n;
    }
    return found;
}

/// Holds its numbers on the heap, and cannot be copied or default-constructed.
class move_only {
public:
    explicit move_only(double start) : numbers_{std::make_unique<double[]>(4)} { numbers_[0] = numbers_[1] = start; }
    auto parameters() { return std::span{numbers_.get(), 2}; }
    auto gradients() { return std::span{numbers_.get() + 2, 2}; }
    double loss_and_gradients(auto const& batch) {
        auto const found = slopes_at(numbers_[0], numbers_[1], batch);
        numbers_[2] = found.a, numbers_[3] = found.b;
        return found.loss;
    }

private:
    std::unique_ptr<double[]> numbers_;
};
static_assert(!std::is_copy_constructible_v<move_only> && !std::is_default_constructible_v<move_only>);

/// Blocks in a vector of spans, one of them empty.
struct range_of_spans {
    static std::vector<std::vector<double>> zeros() {
        return {std::vector<double>(1), std::vector<double>(), std::vector<double>(1)};
    }
    std::vector<std::vector<double>> x = zeros(), g = zeros();

    static std::vector<std::span<double>> views(std::vector<std::vector<double>>& of) { return {of.begin(), of.end()}; }
    auto parameters() { return views(x); }
    auto gradients() { return views(g); }
    double loss_and_gradients(auto const& batch) {
        auto const found = slopes_at(x[0][0], x[2][0], batch);
        g[0][0] = found.a, g[2][0] = found.b;
        return found.loss;
    }
};

/// Blocks in an array of spans.
struct array_of_spans {
    double a = 0, b = 0;
    slopes g;

    auto parameters() { return std::array{std::span{&a, 1}, std::span{&b, 1}}; }
    auto gradients() { return std::array{std::span{&g.a, 1}, std::span{&g.b, 1}}; }
    double loss_and_gradients(auto const& batch) {
        g = slopes_at(a, b, batch);
        return g.loss;
    }
};

/// Gives references to its containers, in a nest of tuples.
struct references {
    std::vector<double> a{0}, ga{0};
    std::array<double, 1> b{}, gb{};

    auto parameters() { return std::tuple<std::vector<double>&, std::tuple<std::array<double, 1>&>>{a, {b}}; }
    auto gradients() { return std::tuple<std::vector<double>&, std::tuple<std::array<double, 1>&>>{ga, {gb}}; }
    double loss_and_gradients(auto const& batch) {
        auto const found = slopes_at(a[0], b[0], batch);
        ga[0] = found.a, gb[0] = found.b;
        return found.loss;
    }
};

/// Takes samples side by side, not a selection.
struct takes_span {
    std::array<double, 2> x{}, g{};

    auto parameters() { return std::span{x}; }
    auto gradients() { return std::span{g}; }
    double loss_and_gradients(std::span<laws::point const> batch) {
        auto const found = slopes_at(x[0], x[1], batch);
        g = {found.a, found.b};
        return found.loss;
    }
};

/// Takes the batches of `table` below, by member functions alone.
struct columns {
    std::vector<double> x, y;
};
struct takes_columns {
    std::array<double, 2> weights{}, slope{};

    auto parameters() { return std::span{weights}; }
    auto gradients() { return std::span{slope}; }
    double loss_and_gradients(columns const& batch) {
        std::vector<laws::point> points;
        for (std::size_t i = 0; i < batch.x.size(); ++i) points.push_back({batch.x[i], batch.y[i]});
        auto const found = slopes_at(weights[0], weights[1], points);
        slope = {found.a, found.b};
        return found.loss;
    }
};
struct table {
    columns all;

    std::size_t size() const { return all.x.size(); }
    columns batch(std::span<std::size_t const> rows) const {
        columns some;
        for (std::size_t const row : rows) some.x.push_back(all.x[row]), some.y.push_back(all.y[row]);
        return some;
    }
};

/// One number in single precision and one in double.
struct mixed {
    std::array<float, 1> a{}, ga{};
    std::vector<double> b{0}, gb{0};

    auto parameters() { return std::tuple{std::span{a}, std::span{b}}; }
    auto gradients() { return std::tuple{std::span{ga}, std::span{gb}}; }
    double loss_and_gradients(auto const& batch) {
        auto const found = slopes_at(static_cast<double>(a[0]), b[0], batch);
        ga[0] = static_cast<float>(found.a), gb[0] = found.b;
        return found.loss;
    }
};

}  // namespace

/// A model of somebody else's: nothing but data. Free functions beside it make it trainable.
namespace theirs {

struct plain {
    double weight[2] = {}, slope[2] = {};
};
auto parameters(plain& model) { return std::span{model.weight}; }
auto gradients(plain& model) { return std::span{model.slope}; }
template <class Batch>
double loss_and_gradients(plain& model, Batch const& batch) {
    auto const found = slopes_at(model.weight[0], model.weight[1], batch);
    model.slope[0] = found.a, model.slope[1] = found.b;
    return found.loss;
}

}  // namespace theirs

static_assert(tutti::trainable<move_only> && tutti::trainable<range_of_spans> && tutti::trainable<array_of_spans> &&
              tutti::trainable<references> && tutti::trainable<takes_span> && tutti::trainable<takes_columns> &&
              tutti::trainable<mixed> && tutti::trainable<theirs::plain>);
static_assert(!tutti::trainable<int> && !tutti::trainable<laws::point>);

namespace {

optim::sgd const rule{.learning_rate = 0.1, .momentum = 0.9};
tutti::epoch_options const options{.batch = 12, .accumulate = 2, .clip_norm = 1};
constexpr std::size_t samples = 45;

template <class Comm, class Model, class Data>
std::vector<double> found_by(Comm& world, Model model, Data&& data) {
    tutti::data_parallel_trainer trainer{world, std::move(model), partition::shuffled{.seed = 77}, tutti::sync::all_reduce{}, rule};
    for (int epoch = 0; epoch < 3; ++epoch) trainer.run_epoch(data, options);
    std::vector<double> all;
    laws::append_all(tutti::parameters_of(trainer.model()), all);
    return all;
}

// 12 steps of up to 12 samples; momentum 0.9 lets an error grow up to tenfold: 12 * 0.1 * 10 * 2 * (12 + 26) * epsilon * 8.
constexpr double in_double = 2e-12, in_float = 1e-3;

}  // namespace

TEST_CASE("models of every shape train alike: free functions, move-only, tuples, arrays and vectors of spans, references, spans "
          "and own types as batches") {
    auto const data = laws::wave(samples);
    table columns_of_data;
    for (auto const& each : data) columns_of_data.all.x.push_back(each.x), columns_of_data.all.y.push_back(each.y);
    tutti::comm::solo own;
    auto const wanted = found_by(own, laws::line<double>{}, data);
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        auto alike = [&](std::vector<double> const& found, double tolerance, char const* what) {
            expect.close(laws::largest_difference(found, wanted), 0, tolerance, what);
        };
        alike(found_by(world, laws::line<double>{}, data), in_double, "line");
        alike(found_by(world, move_only{0.0}, data), in_double, "move-only");
        alike(found_by(world, range_of_spans{}, data), in_double, "vector of spans");
        alike(found_by(world, array_of_spans{}, data), in_double, "array of spans");
        alike(found_by(world, references{}, data), in_double, "references in nested tuples");
        alike(found_by(world, takes_span{}, data), in_double, "span of samples");
        alike(found_by(world, takes_columns{}, columns_of_data), in_double, "batches of their own type");
        alike(found_by(world, theirs::plain{}, data), in_double, "free functions");
        alike(found_by(world, mixed{}, data), in_float, "blocks of float and double");
    });
}

TEST_CASE("data of every kind train alike: vector, deque, array, span and selection, const or not") {
    auto const data = laws::wave(samples);
    tutti::comm::solo own;
    auto const wanted = found_by(own, laws::line<double>{}, data);
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        auto alike = [&](std::vector<double> const& found, char const* what) {
            expect.close(laws::largest_difference(found, wanted), 0, in_double, what);
        };
        std::vector<laws::point> vector = data;
        std::deque<laws::point> const deque(data.begin(), data.end());
        std::array<laws::point, samples> array;
        laws::point plain[samples];
        for (std::size_t i = 0; i < samples; ++i) array[i] = plain[i] = data[i];
        alike(found_by(world, laws::line<double>{}, vector), "vector");
        alike(found_by(world, laws::line<double>{}, deque), "deque");
        alike(found_by(world, takes_span{}, deque), "deque for a model that takes spans");
        alike(found_by(world, laws::line<double>{}, array), "array");
        alike(found_by(world, laws::line<double>{}, plain), "plain array");
        alike(found_by(world, laws::line<double>{}, std::span{data}), "span");
        alike(found_by(world, laws::line<double>{}, std::vector{data}), "vector that is a temporary");
        std::vector<laws::point> twice(2 * samples);
        std::vector<std::size_t> odd;
        for (std::size_t i = 0; i < samples; ++i) twice[2 * i + 1] = data[i], odd.push_back(2 * i + 1);
        tutti::selection const some{twice, odd};
        alike(found_by(world, laws::line<double>{}, some), "selection");
        alike(found_by(world, takes_span{}, some), "selection for a model that takes spans");
    });
}

TEST_CASE("Adam keeps its state per number in blocks of both precisions") {
    // Under a constant gradient each step of Adam is one learning rate long: closed form for every parameter.
    struct constant {
        std::array<float, 3> a{}, ga{};
        std::vector<double> b = std::vector<double>(2), gb = std::vector<double>(2);

        auto parameters() { return std::tuple{std::span{a}, std::span{b}}; }
        auto gradients() { return std::tuple{std::span{ga}, std::span{gb}}; }
        double loss_and_gradients(std::span<int const>) {
            ga = {1, -20, 0.5f}, gb = {-3, 0.25};
            return 0;
        }
    };
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        tutti::data_parallel_trainer trainer{world, constant{}, partition::shuffled{}, tutti::sync::all_reduce{},
                                             optim::adam{.learning_rate = 0.125, .epsilon = 0}};
        trainer.run_epoch(std::vector<int>(20), {.batch = 5});
        auto const& [a, ga, b, gb] = trainer.model();
        for (std::size_t k = 0; k < 3; ++k) expect.close(a[k], k == 1 ? 0.5 : -0.5, 1e-5, "single precision");
        for (std::size_t k = 0; k < 2; ++k) expect.close(b[k], k == 0 ? 0.5 : -0.5, 1e-13, "double precision");
    });
}
