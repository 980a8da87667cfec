#include "backends.hpp"
#include "training.hpp"

#include <tutti/collectives/all_reduce.hpp>
#include <tutti/optim/sgd.hpp>
#include <tutti/partition/block.hpp>
#include <tutti/partition/shuffled.hpp>
#include <tutti/partition/strided.hpp>
#include <tutti/partition/weighted.hpp>
#include <tutti/sync/all_reduce.hpp>
#include <tutti/train/data_parallel_trainer.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace optim = tutti::optim;
namespace partition = tutti::partition;

namespace {

/// The mean of its batch's rows as loss, and one parameter that, to rounding, counts steps of length 1.
struct mean_of_rows {
    double steps = 0, slope = -1;

    auto parameters() { return std::span{&steps, 1}; }
    auto gradients() { return std::span{&slope, 1}; }
    double loss_and_gradients(std::vector<std::size_t> const& batch) {
        slope = -1;
        double sum = 0;
        for (std::size_t const row : batch) sum += static_cast<double>(row);
        return sum / static_cast<double>(batch.size());
    }
};

template <class Comm>
std::vector<int> times_seen(Comm& world, std::vector<std::vector<std::size_t>> const& batches, std::size_t size) {
    std::vector<int> seen(size, 0);
    for (auto const& batch : batches)
        for (std::size_t const row : batch) ++seen[row];
    tutti::all_reduce(world, seen);
    return seen;
}

std::vector<std::size_t> joined(std::vector<std::vector<std::size_t>> const& batches) {
    std::vector<std::size_t> all;
    for (auto const& each : batches) all.insert(all.end(), each.begin(), each.end());
    return all;
}

}  // namespace

TEST_CASE("an epoch shows every sample to one rank once, whatever the partition, the sizes and the micro-batches") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        auto const p = static_cast<std::size_t>(world.size());
        std::vector<double> weights;
        for (std::size_t rank = 0; rank < p; ++rank) weights.push_back(static_cast<double>(rank % 2 + 1));
        for (std::size_t const size : {std::size_t{1}, p, p + 1, std::size_t{50}})
            for (std::size_t const batch : {p / 2 + 1, p + 1, std::size_t{32}}) {
                tutti::epoch_options const options{.batch = batch, .accumulate = batch == 32 ? 3u : 1u};
                auto visit = [&](auto how, std::string const& name) {
                    tutti::data_parallel_trainer trainer{world, laws::recorder{}, how, tutti::sync::all_reduce{}, optim::sgd{}};
                    trainer.run_epoch(laws::numbered{size}, options);
                    expect(times_seen(world, trainer.model().batches, size) == std::vector<int>(size, 1),
                           name + ", " + std::to_string(size) + " samples");
                };
                visit(partition::block{}, "block");
                visit(partition::strided{}, "strided");
                visit(partition::shuffled{.seed = 6}, "shuffled");
                visit(partition::weighted{.weights = weights}, "weighted");
                visit(partition::weighted{.weights = weights, .seed = 6}, "weighted and shuffled");
            }
    });
}

TEST_CASE("step s shows positions [s * batch, (s + 1) * batch) of the partition, split over the ranks") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        tutti::data_parallel_trainer trainer{world, laws::recorder{}, partition::strided{}, tutti::sync::all_reduce{},
                                             optim::sgd{}};
        trainer.run_epoch(laws::numbered{50}, {.batch = 12});
        std::vector<std::vector<std::size_t>> wanted;
        for (std::size_t first = 0; first < 50; first += 12) {
            std::vector<std::size_t> mine;
            for (std::size_t i = first; i < first + 12 && i < 50; ++i)
                if (i % static_cast<std::size_t>(world.size()) == static_cast<std::size_t>(world.rank())) mine.push_back(i);
            if (!mine.empty()) wanted.push_back(mine);  // a model is never shown an empty batch
        }
        expect(trainer.model().batches == wanted, "rows of every step");
    });
}

TEST_CASE("micro-batches split a rank's batch in order, in at most as many parts as asked for, none empty") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        tutti::data_parallel_trainer whole{world, laws::recorder{}, partition::shuffled{.seed = 8}, tutti::sync::all_reduce{},
                                           optim::sgd{}};
        whole.run_epoch(laws::numbered{40}, {.batch = 40});
        for (std::size_t const accumulate : {2u, 4u, 7u, 50u}) {
            tutti::data_parallel_trainer parts{world, laws::recorder{}, partition::shuffled{.seed = 8}, tutti::sync::all_reduce{},
                                               optim::sgd{}};
            parts.run_epoch(laws::numbered{40}, {.batch = 40, .accumulate = accumulate});
            auto const& batches = parts.model().batches;
            expect(joined(batches) == joined(whole.model().batches), "the same rows in the same order");
            expect(batches.size() <= accumulate, "not more parts than asked for");
            for (auto const& batch : batches) {
                expect(!batch.empty(), "no empty part");
                expect(batch.size() <= (40 + accumulate - 1) / accumulate, "no part larger than its share of the step");
            }
        }
    });
}

TEST_CASE("a batch and a number of micro-batches may be as large as numbers go: one step over all samples, one sample at a time") {
    auto const most = std::numeric_limits<std::size_t>::max();
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        for (std::size_t const batch : {most, most - 1, most / 2 + 1}) {
            tutti::data_parallel_trainer trainer{world, laws::recorder{}, partition::strided{}, tutti::sync::all_reduce{},
                                                 optim::sgd{}};
            auto const report = trainer.run_epoch(laws::numbered{50}, {.batch = batch});
            expect.equal(report.steps, 1u, "steps");
            expect.equal(report.samples, 50u, "samples");
            trainer.model().batches.clear();
            expect.equal(trainer.run_epoch(laws::numbered{50}, {.batch = batch, .accumulate = most}).steps, 1u, "steps");
            for (auto const& part : trainer.model().batches) expect.equal(part.size(), 1u, "samples of a micro-batch");
            expect(times_seen(world, trainer.model().batches, 50) == std::vector<int>(50, 1), "every sample once");
            expect.throws<tutti::usage_error>([&] { trainer.run_epoch(laws::numbered{50}, {.batch = batch, .first_step = 1}); },
                                              {"first_step"}, "there is no second step");
        }
    });
}

TEST_CASE("epochs are counted from 0 and shuffle anew; epoch(e) goes on from another one") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        partition::shuffled const how{.seed = 31};
        tutti::data_parallel_trainer trainer{world, laws::recorder{}, how, tutti::sync::all_reduce{}, optim::sgd{}};
        auto visit = [&](std::int64_t epoch) {
            trainer.model().batches.clear();
            expect.equal(trainer.epoch(), epoch, "number of the next epoch");
            auto const report = trainer.run_epoch(laws::numbered{60}, {.batch = 60});
            expect.equal(report.epoch, epoch, "number in the report");
            auto const share = how.share({epoch, 60, world.rank(), world.size()});
            std::vector<std::size_t> wanted;
            for (std::size_t k = 0; k < share.before(60); ++k) wanted.push_back(share.row(k));
            expect(joined(trainer.model().batches) == wanted, "the shuffle of epoch " + std::to_string(epoch));
        };
        visit(0), visit(1), visit(2);
        trainer.epoch(17);
        visit(17), visit(18);
        trainer.epoch(1);
        visit(1);
    });
}

TEST_CASE("an epoch that ends early and goes on at first_step is the epoch that went through") {
    struct enough {};
    auto const data = laws::wave(70);
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        auto make = [&] {
            return tutti::data_parallel_trainer{world, laws::network<double>{}, partition::shuffled{.seed = 12},
                                                tutti::sync::all_reduce{}, optim::sgd{.learning_rate = 0.05, .momentum = 0.9}};
        };
        auto through = make();
        through.epoch(4);
        through.run_epoch(data, {.batch = 8});
        for (std::size_t const done : {1u, 4u, 8u}) {
            auto halves = make();
            halves.epoch(4);
            bool stopping = true;
            halves.after_step([&](tutti::step_report const& report) {
                if (stopping && report.step == done) throw enough{};
            });
            try {
                halves.run_epoch(data, {.batch = 8});
                expect(false, "the callback ends the epoch");
            } catch (enough const&) {  // on every rank, after the same step
            }
            stopping = false;
            expect.equal(halves.epoch(), 4, "an epoch that ended early does not count");
            auto const report = halves.run_epoch(data, {.batch = 8, .first_step = done});
            expect.equal(report.steps, 9 - done, "steps that were left");
            expect.equal(report.samples, 70 - 8 * done, "samples that were left");
            expect(laws::values_of(halves.model()) == laws::values_of(through.model()), "the same parameters, bit for bit");
            expect.equal(halves.epoch(), 5, "the next epoch");
        }
    });
}

TEST_CASE("the report of an epoch counts its steps and samples, and its loss is the mean over all samples, on every rank") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        for (std::size_t const size : {1u, 7u, 100u})
            for (std::size_t const batch : {1u, 6u, 64u}) {
                tutti::data_parallel_trainer trainer{world, mean_of_rows{}, partition::shuffled{}, tutti::sync::all_reduce{},
                                                     optim::sgd{.learning_rate = 1}};
                auto const report = trainer.run_epoch(laws::numbered{size}, {.batch = batch});
                expect.equal(report.epoch, 0, "epoch");
                expect.equal(report.steps, (size + batch - 1) / batch, "steps");
                expect.equal(report.samples, size, "samples");
                expect.close(report.mean_loss, static_cast<double>(size - 1) / 2, 1e-12, "mean of 0 .. size - 1");
                expect.close(trainer.model().steps, static_cast<double>(report.steps), 1e-12, "updates");
                expect(report.seconds > 0 && report.communicating >= 0 && report.communicating <= report.seconds, "times");
                expect(world.size() > 1 || report.communicating == 0, "a rank alone does not communicate");
                expect.close(report.samples_per_second() * report.seconds, static_cast<double>(size), 1e-6, "rate");
            }
    });
}

TEST_CASE("run_epoch without options takes the defaults") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        tutti::data_parallel_trainer trainer{world, laws::recorder{}, partition::strided{}, tutti::sync::all_reduce{},
                                             optim::sgd{}};
        auto const report = trainer.run_epoch(laws::numbered{200});
        expect.equal(report.steps, (200 + tutti::epoch_options{}.batch - 1) / tutti::epoch_options{}.batch, "steps");
        expect(times_seen(world, trainer.model().batches, 200) == std::vector<int>(200, 1), "every sample once");
    });
}

TEST_CASE("callbacks are called on every rank in the order they came, after every step and every epoch, with the right numbers") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        tutti::data_parallel_trainer trainer{world, mean_of_rows{}, partition::strided{}, tutti::sync::all_reduce{},
                                             optim::sgd{.learning_rate = 1}};
        std::vector<std::string> events;
        trainer.after_epoch([&](tutti::epoch_report const& report) {
            events.push_back("epoch " + std::to_string(report.epoch) + " of " + std::to_string(report.steps) + " steps");
        });
        trainer.after_step([&](tutti::step_report const& report) {
            expect.close(trainer.model().steps, static_cast<double>(report.epoch * 3) + static_cast<double>(report.step), 1e-12,
                         "called after the update");
            events.push_back("first: " + std::to_string(report.epoch) + ", " + std::to_string(report.step) + "/" +
                             std::to_string(report.steps) + ", " + std::to_string(report.samples));
        });
        trainer.after_step([&](tutti::step_report const& report) { events.push_back("second: " + std::to_string(report.step)); });
        trainer.after_epoch([&](tutti::epoch_report const& report) {
            expect.equal(trainer.epoch(), report.epoch + 1, "the next epoch is set");
            events.push_back("done");
        });
        trainer.run_epoch(laws::numbered{25}, {.batch = 10});
        trainer.run_epoch(laws::numbered{25}, {.batch = 10});
        std::vector<std::string> wanted;
        for (std::string const epoch : {"0", "1"}) {
            for (std::string const step : {"1", "2", "3"}) {
                wanted.push_back("first: " + epoch + ", " + step + "/3, " + (step == "3" ? "5" : "10"));
                wanted.push_back("second: " + step);
            }
            wanted.push_back("epoch " + epoch + " of 3 steps");
            wanted.push_back("done");
        }
        expect(events == wanted, "events");
    });
}

TEST_CASE("a callback may add callbacks, which are called from the next time on") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        tutti::data_parallel_trainer trainer{world, mean_of_rows{}, partition::strided{}, tutti::sync::all_reduce{}, optim::sgd{}};
        // Each holds more than fits into a function object, and reads it after its callback list has grown.
        std::array<int, 16> const large{1, 2, 3};
        int steps = 0, epochs = 0;
        trainer.after_step([&, large](auto const&) {
            trainer.after_step([&, large](auto const&) { steps += large[0]; });
            steps += 100 * large[0];
        });
        trainer.after_epoch([&, large](auto const&) {
            for (int k = 0; k < 9; ++k) trainer.after_epoch([&, large](auto const&) { epochs += large[0]; });
            epochs += 100 * large[0];
        });
        trainer.run_epoch(laws::numbered{20}, {.batch = 5});
        expect.equal(steps, 400 + 0 + 1 + 2 + 3, "after steps");
        expect.equal(epochs, 100, "after an epoch");
        trainer.run_epoch(laws::numbered{5}, {.batch = 5});
        expect.equal(steps, 400 + 6 + 100 + 4, "after one more step");
        expect.equal(epochs, 200 + 9, "after another epoch");
    });
}

TEST_CASE("the loss of a step's report is the mean over this rank's samples, and no number where it had none") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        tutti::data_parallel_trainer trainer{world, mean_of_rows{}, partition::strided{}, tutti::sync::all_reduce{}, optim::sgd{}};
        auto const p = static_cast<std::size_t>(world.size()), r = static_cast<std::size_t>(world.rank());
        trainer.after_step([&](tutti::step_report const& report) {
            double sum = 0, count = 0;
            for (std::size_t i = (report.step - 1) * 6; i < report.step * 6 && i < 20; ++i)
                if (i % p == r) sum += static_cast<double>(i), ++count;
            if (count == 0) expect(std::isnan(report.mean_loss), "no sample");
            else expect.close(report.mean_loss, sum / count, 1e-12, "mean of this rank's rows");
        });
        trainer.run_epoch(laws::numbered{20}, {.batch = 6});
        trainer.run_epoch(laws::numbered{20}, {.batch = 6, .accumulate = 2});
    });
}
