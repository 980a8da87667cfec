#include "backends.hpp"
#include "training.hpp"

#include <tutti/collectives/all_reduce.hpp>
#include <tutti/comm/traced.hpp>
#include <tutti/optim/sgd.hpp>
#include <tutti/partition/strided.hpp>
#include <tutti/sync/all_reduce.hpp>
#include <tutti/sync/codec/error_feedback.hpp>
#include <tutti/sync/codec/half.hpp>
#include <tutti/sync/codec/power_sgd.hpp>
#include <tutti/sync/codec/top_k.hpp>
#include <tutti/sync/compressed.hpp>
#include <tutti/sync/every_n_steps.hpp>
#include <tutti/sync/sharded.hpp>
#include <tutti/train/data_parallel_trainer.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <initializer_list>
#include <limits>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace codec = tutti::sync::codec;
namespace optim = tutti::optim;
namespace partition = tutti::partition;
using tutti::collective;
using tutti::sync::compressed;

namespace {

/// y = W f(x) + b, a matrix and a vector, under the mean of squares.
template <class T>
struct regression {
    static constexpr std::size_t rows = 9, columns = 6;
    std::vector<T> w = std::vector<T>(rows * columns), dw = w, b = std::vector<T>(rows), db = b;
    bool says_shapes_that_fit = true;

    auto parameters() { return std::tuple{std::span{w}, std::span{b}}; }
    auto gradients() { return std::tuple{std::span{dw}, std::span{db}}; }
    std::array<tutti::block_shape, 2> shapes() const {
        return {{{says_shapes_that_fit ? rows : rows + 1, columns}, {rows, 1}}};
    }
    T loss_and_gradients(auto const& batch) {
        std::fill(dw.begin(), dw.end(), T{0}), std::fill(db.begin(), db.end(), T{0});
        T loss = 0;
        T const share = 1 / static_cast<T>(batch.size());
        for (laws::point const& each : batch) {
            std::array<T, columns> f;
            for (std::size_t j = 0; j < columns; ++j) f[j] = static_cast<T>(std::cos(each.x * double(j) * 1.7 + 0.9 * double(j)));
            for (std::size_t i = 0; i < rows; ++i) {
                T error = b[i] - static_cast<T>(each.y * std::sin(double(i)));
                for (std::size_t j = 0; j < columns; ++j)
                    error += (w[i * columns + j] - static_cast<T>(std::sin(double(i * j)))) * f[j];
                loss += error * error * share;
                db[i] += 2 * error * share;
                for (std::size_t j = 0; j < columns; ++j) dw[i * columns + j] += 2 * error * f[j] * share;
            }
        }
        return loss;
    }
};

template <class T>
std::vector<double> trained_by(laws::any_communicator& world, auto policy) {
    tutti::data_parallel_trainer trainer{world, regression<T>{}, partition::strided{}, policy, optim::sgd{.learning_rate = 0.05}};
    for (int epoch = 0; epoch < 4; ++epoch) trainer.run_epoch(laws::wave(30), {.batch = 8});
    return laws::values_of(trainer.model());
}

template <class Act>
std::string problem_of(Act act) {
    try {
        act();
    } catch (tutti::usage_error const& problem) { return problem.what(); }
    return {};
}

/// What a rank brings: integers, so that sums of them are exact, that differ between ranks.
template <class T>
std::vector<T> integers(std::size_t count, int rank, int step = 0) {
    std::vector<T> numbers(count);
    for (std::size_t i = 0; i < count; ++i)
        numbers[i] = static_cast<T>(static_cast<int>((i * 7 + static_cast<std::size_t>(3 * rank + 5 * step)) % 23) - 11);
    return numbers;
}

/// Checks that what is in the sum and what each rank kept are what all brought.
template <class T, class Codec>
void conserves(laws::any_communicator& world, laws::expectation const& expect, Codec const& settings, tutti::block_shape shape,
               char const* who) {
    std::size_t const count = shape.rows * shape.columns;
    typename Codec::state state{settings, {shape, sizeof(T)}, world.size()};
    for (int step = 0; step < 3; ++step) {
        auto numbers = integers<T>(count, world.rank(), step), given = numbers;
        std::vector<T> rest(count, 77);
        state.exchange(world, std::span{numbers}, std::span{rest});
        tutti::all_reduce(world, rest);
        tutti::all_reduce(world, given);
        for (std::size_t i = 0; i < count; ++i)
            expect.close(static_cast<double>(numbers[i] + rest[i]), static_cast<double>(given[i]), 1e-4 * world.size() * 11, who);
    }
}

}  // namespace

TEST_CASE("half sends numbers rounded to half precision, and says what rounding took") {
    laws::on_every_backend([](laws::any_communicator& world, laws::expectation const& expect) {
        auto const p = static_cast<float>(world.size()), mine = static_cast<float>(world.rank());
        codec::half::state state{{}, {{3, 1}, sizeof(float)}, world.size()};
        std::array<float, 3> numbers{1 + 0x1p-12f, mine + 0.5f, -4}, rest{};
        state.exchange(world, std::span<float>{numbers}, std::span<float>{rest});
        expect.equal(numbers[0], p, "1 + 2^-12 travels as 1");
        expect.equal(numbers[1], p * (p - 1) / 2 + p / 2, "the sum of what halves can hold");
        expect.equal(numbers[2], -4 * p, "the sum of equal numbers");
        expect.equal(rest[0], 0x1p-12f, "what rounding took");
        expect.equal(rest[1], 0.f, "nothing is left of what halves can hold");
    });
}

TEST_CASE("top_k sends each rank's largest numbers, the first of equal ones, and keeps the others") {
    laws::on_every_backend([](laws::any_communicator& world, laws::expectation const& expect) {
        auto const p = world.size(), mine = world.rank();
        double const sum = p * (p + 1) / 2.0;
        codec::top_k::state state{{.share = 0.3}, {{5, 1}, sizeof(double)}, p};  // 2 of 5
        std::array<double, 5> numbers{0, 1.0 + mine, 0.5, -3.0 * (1 + mine), 0.25}, rest{};
        state.exchange(world, std::span<double>{numbers}, std::span<double>{rest});
        expect.all(
            numbers, [&](std::size_t i) { return std::array{0.0, sum, 0.0, -3 * sum, 0.0}[i]; }, "the sum of the largest");
        expect.all(rest, [](std::size_t i) { return std::array{0.0, 0.0, 0.5, 0.0, 0.25}[i]; }, "the rest");

        std::array<double, 5> equal{-1, 1, 1, -1, 1};
        state.exchange(world, std::span<double>{equal}, std::span<double>{});
        expect.all(equal, [&](std::size_t i) { return std::array{-1.0 * p, 1.0 * p, 0.0, 0.0, 0.0}[i]; }, "the first of equals");

        std::array<double, 5> apart{};
        apart[static_cast<std::size_t>(mine % 5)] = 8 + mine;
        auto given = apart;
        state.exchange(world, std::span<double>{apart}, std::span<double>{});
        tutti::all_reduce(world, given);
        expect.all(apart, [&](std::size_t i) { return given[i]; }, "places that differ between ranks");

        std::array<double, 5> none{1, 2, std::numeric_limits<double>::quiet_NaN(), 4, 5};
        state.exchange(world, std::span<double>{none}, std::span<double>{});
        expect(std::isnan(none[2]), "a number that is none is sent");

        codec::top_k::state nothing{{}, {{0, 1}, sizeof(double)}, p};
        nothing.exchange(world, std::span<double>{}, std::span<double>{});
    });
}

TEST_CASE("power_sgd sends a matrix of its rank to rounding, vectors and what is small exactly") {
    laws::on_every_backend([](laws::any_communicator& world, laws::expectation const& expect) {
        int const p = world.size();
        auto check = [&](codec::power_sgd const& settings, std::size_t rows, std::size_t columns, auto entry, double tolerance) {
            codec::power_sgd::state state{settings, {{rows, columns}, sizeof(double)}, p};
            for (int step = 0; step < 3; ++step) {
                std::vector<double> numbers;
                for (std::size_t i = 0; i < rows; ++i)
                    for (std::size_t j = 0; j < columns; ++j)
                        numbers.push_back((1 + world.rank()) * entry(double(i), double(j), step));
                state.exchange(world, std::span{numbers}, std::span<double>{});
                for (std::size_t i = 0, at = 0; i < rows; ++i)
                    for (std::size_t j = 0; j < columns; ++j, ++at)
                        expect.close(numbers[at], p * (p + 1) / 2 * entry(double(i), double(j), step), tolerance * p * p, "a sum");
            }
        };
        check({}, 8, 12, [](double i, double j, int step) { return (i - 3) * (j + 1 - step); }, 1e-12);
        check({.rank = 2}, 12, 9, [](double i, double j, int) { return (i - 3) * (j + 1) + i * i * (j - 5); }, 1e-11);
        check({.rank = 3}, 12, 9, [](double, double, int step) { return step == 0 ? 0 : 2; }, 1e-12);  // less than its rank
        check({}, 2, 3, [](double i, double j, int) { return i + 10 * j * j; }, 0);                    // small: exactly
        check({}, 40, 1, [](double i, double, int) { return i; }, 0);                                  // a vector
        auto const any = [](double i, double j, int) { return std::sin(i * 3 + j * j); };
        for (int const rank : {6, 100}) check({.rank = rank, .at_least = 0}, 9, 6, any, 1e-12);  // full rank
        check({.rank = 6, .at_least = 0}, 6, 9, any, 1e-12);

        codec::power_sgd::state state{{}, {{8, 8}, sizeof(float)}, p};
        std::vector<float> numbers(64, 1);
        numbers[9] = std::numeric_limits<float>::quiet_NaN();
        state.exchange(world, std::span{numbers}, std::span<float>{});
        expect(std::isnan(numbers[9]), "a number that is none is seen");
    });
}

TEST_CASE("what was sent and what is kept are what was given, by every codec") {
    laws::on_every_backend([](laws::any_communicator& world, laws::expectation const& expect) {
        conserves<float>(world, expect, codec::half{}, {37, 1}, "half");
        conserves<float>(world, expect, codec::top_k{.share = 0.1}, {37, 1}, "top_k");
        conserves<float>(world, expect, codec::power_sgd{}, {8, 12}, "power_sgd");
        conserves<double>(world, expect, codec::power_sgd{.rank = 2}, {12, 9}, "power_sgd of rank 2");
        conserves<double>(world, expect, codec::power_sgd{}, {37, 1}, "power_sgd of a vector");
    });
}

TEST_CASE("error feedback sends what was kept, in the end all of it") {
    laws::on_every_backend([](laws::any_communicator& world, laws::expectation const& expect) {
        codec::error_feedback settings{codec::top_k{.share = 0.2}};  // 4 of 20 in a step
        decltype(settings)::state state{settings, {{20, 1}, sizeof(float)}, world.size()};
        std::vector<float> sum(20), given(20);
        for (int step = 0; step < 12; ++step) {
            auto numbers = step < 5 ? integers<float>(20, world.rank(), step) : std::vector<float>(20);
            for (std::size_t i = 0; i < 20; ++i) given[i] += numbers[i];
            state.exchange(world, std::span{numbers}, std::span<float>{});
            for (std::size_t i = 0; i < 20; ++i) sum[i] += numbers[i];
        }
        tutti::all_reduce(world, given);
        expect.all(sum, [&](std::size_t i) { return given[i]; }, "the sum over all steps");
    });
}

TEST_CASE("replicas are equal after every compressed step, and learn as by all_reduce") {
    int const epochs = 24;
    auto const data = laws::wave(32);
    laws::on_every_backend([&](laws::any_communicator& world, laws::expectation const& expect) {
        double exact = 0;
        auto check = [&](auto policy, double factor, char const* who) {
            tutti::data_parallel_trainer trainer{world, regression<float>{}, partition::strided{}, policy,
                                                 optim::sgd{.learning_rate = 0.05}};
            bool agree = true;
            trainer.after_step([&](tutti::step_report const& now) {
                if (now.epoch % 8 == 0) agree = trainer.replicas_agree() && agree;
            });
            double loss = 0;
            for (int epoch = 0; epoch < epochs; ++epoch) loss = trainer.run_epoch(data, {.batch = 16}).mean_loss;
            expect(agree, std::string{who} + ": replicas agree");
            if (exact == 0) exact = loss;
            expect(loss <= factor * exact,
                   std::string{who} + " learns: loss " + laws::to_text(loss) + ", exact " + laws::to_text(exact));
        };
        check(tutti::sync::all_reduce{}, 1, "all_reduce");
        expect(exact < 0.5, "all_reduce learns, from 18");
        check(compressed{codec::half{}}, 1.05, "half");
        check(compressed{codec::error_feedback{codec::half{}}}, 1.05, "half with error feedback");
        check(compressed{codec::error_feedback{codec::top_k{.share = 0.2}}}, 1.5, "top_k with error feedback");
        check(compressed{codec::error_feedback{codec::power_sgd{}}, 4}, 1.5, "power_sgd with error feedback");
    });
}

TEST_CASE("a codec that loses nothing is all_reduce, to rounding; steps of the warm-up, and one rank, are so bit for bit") {
    laws::on_every_backend([](laws::any_communicator& world, laws::expectation const& expect) {
        auto const exact = trained_by<double>(world, tutti::sync::all_reduce{});
        auto difference = [&](auto policy) { return laws::largest_difference(trained_by<double>(world, policy), exact); };
        expect.close(difference(compressed{codec::power_sgd{.rank = 6, .at_least = 0}}), 0, 1e-12, "power_sgd of full rank");
        expect.close(difference(compressed{codec::error_feedback{codec::top_k{.share = 1}}}), 0, 1e-12, "top_k of all");
        expect.equal(difference(compressed{codec::top_k{}, 16}), 0.0, "16 exact steps");
        if (world.size() == 1) expect.equal(difference(compressed{codec::top_k{}}), 0.0, "one rank");
        else expect(difference(compressed{codec::top_k{}, 15}) > 0, "the step after 15 exact ones is compressed");
    });
}

TEST_CASE("settings of codecs that make no sense, or differ, and shapes that do not fit, are told on every rank") {
    laws::on_every_backend([](laws::any_communicator& world, laws::expectation const&) {
        auto problem_with = [&](auto policy, bool fits = true) {
            regression<float> model;
            model.says_shapes_that_fit = fits;
            return problem_of([&] {
                tutti::data_parallel_trainer trainer{world, model, partition::strided{}, policy, optim::sgd{}};
            });
        };
        auto holds = [](std::string const& text, char const* words) { return text.find(words) != std::string::npos; };
        using feedback = codec::error_feedback<codec::top_k>;
        CHECK(holds(problem_with(compressed{codec::top_k{.share = 0}}), "share = 0 must be above 0 and at most 1"));
        CHECK(holds(problem_with(compressed{feedback{{.share = 1.5}}}), "share = 1.5 must be above 0 and at most 1"));
        CHECK(holds(problem_with(compressed{codec::top_k{.share = std::nan("")}}), "share = nan must be above 0"));
        CHECK(holds(problem_with(compressed{codec::power_sgd{.rank = 0}}), "rank = 0 must be at least 1"));
        CHECK(holds(problem_with(compressed{codec::power_sgd{.at_least = -1}}), "at_least = -1 cannot be negative"));
        CHECK(holds(problem_with(compressed{codec::half{}, -1}), "warm_up = -1 cannot be negative"));
        CHECK(holds(problem_with(compressed{codec::half{}}, false), "block 0 is a matrix of 10 x 6, and has 54"));
        if (world.size() == 1) return;
        bool const odd = world.rank() == 1;
        CHECK(holds(problem_with(compressed{codec::power_sgd{.rank = odd ? 2 : 1}}),
                    "a setting of the codec is 1 on rank 0 and 2 on rank 1"));
        CHECK(holds(problem_with(compressed{codec::half{}, odd ? 3 : 4}), "warm_up is 4 on rank 0 and 3 on rank 1"));
        CHECK(holds(problem_with(compressed{codec::half{}}, !odd), odd ? "10 x 6" : "on another rank"));
    });
}

TEST_CASE("traffic() is what a trace counts per step, by every policy; none on one rank") {
    laws::on_every_backend([](laws::any_communicator& world, laws::expectation const& expect) {
        tutti::comm::traced<laws::any_communicator> traced{world};
        double const n = (54 + 9) * sizeof(float), p = world.size();
        auto check = [&](auto policy, std::initializer_list<tutti::step_traffic::row> expected, std::size_t steps,
                         char const* who) {
            tutti::data_parallel_trainer trainer{traced, regression<float>{}, partition::strided{}, policy,
                                                 optim::sgd{.learning_rate = 0.01}};
            tutti::comm::trace_summary first, last;
            // Between two steps of an epoch, so that what an epoch compares is not among it.
            trainer.after_step([&](auto const& now) { (now.step == 1 ? first : last) = traced.summary(); });
            trainer.run_epoch(laws::wave(4 * (steps + 1)), {.batch = 4});
            auto const said = trainer.traffic();
            double total = 0, all = 0;
            for (auto const& row : expected) {
                double const bytes = p == 1 ? 0 : row.bytes;
                total += bytes;
                expect.equal(said.of(row.kind), bytes, std::string{who} + ": " + std::string{tutti::name(row.kind)});
            }
            expect.equal(said.total(), total, std::string{who} + ": together");
            for (auto const& row : last.rows) {
                double const counted = static_cast<double>(row.bytes - first.of(row.kind).bytes) / static_cast<double>(steps);
                all += counted;
                expect.equal(counted, said.of(row.kind), std::string{who} + ": counted of " + std::string{tutti::name(row.kind)});
            }
            expect.equal(all, total, std::string{who} + ": counted in all");
        };
        check(tutti::sync::all_reduce{}, {{collective::all_reduce, n}}, 2, "all_reduce");
        check(tutti::sync::every_n_steps{.n = 3}, {{collective::all_reduce, n / 3}}, 6, "every_n_steps");
        check(tutti::sync::sharded<1>{}, {{collective::reduce_scatter, n}, {collective::all_gather, n}}, 2, "sharded");
        check(compressed{codec::half{}}, {{collective::all_reduce, n / 2}}, 2, "half");
        check(compressed{codec::error_feedback{codec::top_k{.share = 0.1}}}, {{collective::all_gather, p * (6 + 1) * 8}}, 2,
              "top_k");
        check(compressed{codec::power_sgd{}}, {{collective::all_reduce, (9 + 6 + 9) * 4}}, 2, "power_sgd");
    });
}
