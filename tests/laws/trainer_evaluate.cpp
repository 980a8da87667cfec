#include "backends.hpp"
#include "training.hpp"

#include <tutti/collectives/all_gather.hpp>
#include <tutti/collectives/all_reduce.hpp>
#include <tutti/optim/sgd.hpp>
#include <tutti/partition/shuffled.hpp>
#include <tutti/sync/all_reduce.hpp>
#include <tutti/train/data_parallel_trainer.hpp>

#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace {

/// Whole numbers whose sums are exact.
std::vector<double> numbers(std::size_t size) {
    std::vector<double> data;
    for (std::size_t i = 0; i < size; ++i) data.push_back(static_cast<double>(i * i % 23));
    return data;
}

double mean_of_numbers(std::size_t size) {
    double sum = 0;
    for (double const each : numbers(size)) sum += each;
    return sum / static_cast<double>(size);
}

constexpr auto batch_mean = [](auto& /*model*/, auto const& batch) {
    double sum = 0;
    for (double const each : batch) sum += each;
    return sum / static_cast<double>(batch.size());
};

struct by_columns {
    std::vector<double> values;

    std::size_t size() const { return values.size(); }
    std::vector<double> batch(std::span<std::size_t const> rows) const {
        std::vector<double> some;
        for (std::size_t const row : rows) some.push_back(values[row]);
        return some;
    }
};

/// Trains on numbers, to their mean.
struct constant {
    double x = 0, slope = 0;

    auto parameters() { return std::span{&x, 1}; }
    auto gradients() { return std::span{&slope, 1}; }
    double loss_and_gradients(auto const& batch) {
        double const mean = batch_mean(*this, batch);
        slope = x - mean;
        return mean;
    }
};

template <class Comm, class Model = constant>
auto trainer_of(Comm& world, Model model = {}) {
    return tutti::data_parallel_trainer{world, model, tutti::partition::shuffled{.seed = 1}, tutti::sync::all_reduce{},
                                        tutti::optim::sgd{.learning_rate = 0.1}};
}

}  // namespace

TEST_CASE("evaluate gives the mean over all samples, each counted once, for every size and batch, on every rank") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        auto trainer = trainer_of(world);
        auto const p = static_cast<std::size_t>(world.size());
        for (std::size_t const size : {std::size_t{1}, p, p + 1, std::size_t{7}, std::size_t{101}})
            for (std::size_t const batch : {std::size_t{1}, std::size_t{2}, p + 1, std::size_t{32}, std::size_t{1000},
                                            std::numeric_limits<std::size_t>::max()}) {
                std::string const what = std::to_string(size) + " samples in batches of " + std::to_string(batch);
                // Each batch's mean is multiplied by its size again: exact to a rounding or two per batch.
                double const tolerance = 23 * 2.3e-16 * 4 * static_cast<double>(size);
                expect.close(trainer.evaluate(numbers(size), {.batch = batch}, batch_mean), mean_of_numbers(size), tolerance, what);
                expect.close(trainer.evaluate(by_columns{numbers(size)}, {.batch = batch}, batch_mean), mean_of_numbers(size),
                             tolerance, what + ", own batches");
            }
    });
}

TEST_CASE("evaluate shows every sample to one rank, once, in batches of at most the size asked for over all ranks") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        auto trainer = trainer_of(world);
        auto const data = numbers(57);
        std::vector<int> seen(57, 0);
        std::size_t largest = 0;
        (void)trainer.evaluate(data, {.batch = 10}, [&](auto&, auto const& batch) {
            for (std::size_t const row : batch.rows()) ++seen[row];
            if (batch.size() > largest) largest = batch.size();
            expect(!batch.empty(), "no empty batch");
            return 0.0;
        });
        tutti::all_reduce(world, seen);
        expect(seen == std::vector<int>(57, 1), "every sample once");
        expect(largest <= (10 + static_cast<std::size_t>(world.size()) - 1) / static_cast<std::size_t>(world.size()),
               "this rank's part of a batch");
    });
}

TEST_CASE("evaluate takes a metric that gives a number of any type or an array of them") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        auto trainer = trainer_of(world);
        auto const data = numbers(50);
        double const mean = mean_of_numbers(50);
        auto const as_float =
            trainer.evaluate(data, {}, [](auto& model, auto const& batch) { return static_cast<float>(batch_mean(model, batch)); });
        auto const as_int = trainer.evaluate(data, {}, [](auto&, auto const&) { return 3; });
        auto const as_array = trainer.evaluate(data, {.batch = 7}, [](auto& model, auto const& batch) {
            return std::array{batch_mean(model, batch), 1.0, -2 * batch_mean(model, batch)};
        });
        auto const as_floats = trainer.evaluate(data, {}, [](auto&, auto const&) { return std::array<float, 2>{0.5f, 0.25f}; });
        static_assert(std::same_as<decltype(as_float), double const> && std::same_as<decltype(as_int), double const> &&
                      std::same_as<decltype(as_array), std::array<double, 3> const> &&
                      std::same_as<decltype(as_floats), std::array<double, 2> const>);
        expect.equal(trainer.evaluate(data, batch_mean), trainer.evaluate(data, {}, batch_mean), "in batches of the usual size");
        tutti::evaluate_options options{.batch = 7};  // no metric, though it may be changed
        expect.equal(trainer_of(world, laws::line<double>{}).evaluate(laws::wave(50), options),
                     trainer_of(world, laws::line<double>{}).evaluate(laws::wave(50), {.batch = 7}), "options by name");
        expect.close(as_float, mean, 23 * 1.2e-7, "float");
        expect.close(as_int, 3, 1e-15, "int");
        expect.close(as_array[0], mean, 1e-12, "first of an array");
        expect.close(as_array[1], 1, 1e-15, "second of an array");
        expect.close(as_array[2], -2 * mean, 1e-12, "third of an array");
        expect.close(as_floats[0] + as_floats[1], 0.75, 1e-15, "floats");
    });
}

TEST_CASE("evaluate without a metric is the mean of the model's own loss, and trains nothing") {
    auto const data = laws::wave(37);
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        auto trainer = trainer_of(world, laws::line<double>{});
        trainer.run_epoch(data, {.batch = 10});
        auto const before = laws::values_of(trainer.model());
        double sum = 0;
        for (auto const& each : data) {
            double const error = before[0] * each.x + before[1] - each.y;
            sum += error * error;
        }
        expect.close(trainer.evaluate(data), sum / 37, 1e-13, "mean of squares");
        expect.close(trainer.evaluate(data, {.batch = 5}), sum / 37, 1e-13, "mean of squares in small batches");
        expect(laws::values_of(trainer.model()) == before, "parameters stay");
        expect.equal(trainer.epoch(), 1, "an evaluation is no epoch");
    });
}

TEST_CASE("evaluate gives the same number on all ranks, bit for bit") {
    auto const data = laws::wave(41);
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        auto trainer = trainer_of(world, laws::line<double>{});
        double const found = trainer.evaluate(data, {.batch = 8});
        for (double const theirs : tutti::all_gather(world, found)) expect.equal(theirs, found, "another rank's");
    });
}

TEST_CASE("evaluate refuses data without samples, batches without size and arguments that differ, on every rank") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        auto trainer = trainer_of(world);
        bool const last = world.rank() == world.size() - 1;
        expect.throws<tutti::usage_error>([&] { (void)trainer.evaluate(numbers(0), {}, batch_mean); }, {"evaluate", "no samples"},
                                          "no data");
        expect.throws<tutti::usage_error>([&] { (void)trainer.evaluate(numbers(5), {.batch = 0}, batch_mean); },
                                          {"evaluate", "batch"}, "batch 0");
        if (world.size() > 1) {
            expect.throws<tutti::usage_error>([&] { (void)trainer.evaluate(numbers(last ? 6 : 5), {}, batch_mean); },
                                              {"evaluate", "samples"}, "data of another size");
            expect.throws<tutti::usage_error>([&] { (void)trainer.evaluate(numbers(5), {.batch = last ? 6u : 5u}, batch_mean); },
                                              {"evaluate", "batch"}, "another batch");
        }
        expect.close(trainer.evaluate(numbers(5), {}, batch_mean), mean_of_numbers(5), 1e-14, "the group is usable afterwards");
    });
}
