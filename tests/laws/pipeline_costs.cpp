#include "splitting.hpp"
#include "staged.hpp"

#include <tutti/comm/mesh.hpp>
#include <tutti/comm/traced.hpp>
#include <tutti/concepts/step_traffic.hpp>
#include <tutti/error.hpp>
#include <tutti/optim/sgd.hpp>
#include <tutti/partition/layers.hpp>
#include <tutti/partition/strided.hpp>
#include <tutti/pipeline/gpipe.hpp>
#include <tutti/pipeline/one_forward_one_backward.hpp>
#include <tutti/sync/all_reduce.hpp>
#include <tutti/sync/codec/half.hpp>
#include <tutti/sync/compressed.hpp>
#include <tutti/sync/every_n_steps.hpp>
#include <tutti/train/replicas.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <string>
#include <vector>

namespace partition = tutti::partition;
namespace pipeline = tutti::pipeline;
using tutti::collective;

namespace {

constexpr std::array kinds{collective::send, collective::receive, collective::exchange, collective::all_reduce};

/// Of two stages each has one of the layers that may be tied.
auto cuts(auto& stages) {
    return stages.size() == 2 ? partition::layers{{2}} : partition::layers{};
}
auto layers(bool tied) { return tied ? laws::staged().tied({1, 1}, {3, 1}) : laws::staged(); }

/// What a trainer says against what the groups that it works on count in two steps, each of 10 samples of a copy in 4 micro-batches. These
/// have 2, 3, 2 and 3 samples.
template <class Trainer>
void check(Trainer trainer, auto const& groups, laws::expectation const& expect, std::string const& who) {
    using summary = std::vector<tutti::comm::trace_summary>;
    auto const counted = [&] {
        summary all;
        for (auto const* each : groups) all.push_back(each->summary());
        return all;
    };
    summary first, last;
    // Between steps of an epoch, so that neither what an epoch compares nor shapes are among it.
    trainer.after_step([&](auto const& now) { (now.step == 1 ? first : last) = counted(); });
    std::size_t const copies = groups.size() == 1 ? 1 : static_cast<std::size_t>(groups[1]->size());
    trainer.run_epoch(laws::wave(30 * copies), {.batch = 10 * copies, .accumulate = 4});
    auto const said = trainer.traffic(10, 4);
    double total = 0, all = 0;
    for (auto const kind : kinds) {
        double bytes = 0;
        for (std::size_t k = 0; k < first.size(); ++k) bytes += static_cast<double>(last[k].of(kind).bytes - first[k].of(kind).bytes);
        total += bytes / 2;
        expect.equal(said.of(kind), bytes / 2, who + ": " + std::string{tutti::name(kind)});
    }
    for (std::size_t k = 0; k < first.size(); ++k)
        for (auto const& row : last[k].rows) all += static_cast<double>(row.bytes - first[k].of(row.kind).bytes) / 2;
    expect.equal(all, total, who + ": nothing else was called");
    expect.equal(said.total(), total, who + ": in all");
}

template <class Schedule>
void check_alone(auto& world, Schedule schedule, laws::expectation const& expect, std::string const& who) {
    for (bool const tied : {false, true})
        check(tutti::model_parallel_trainer{world, layers(tied), partition::strided{}, cuts(world), schedule, tutti::optim::sgd{}},
              std::array{&world}, expect, who + (tied ? ", tied" : ""));
}

template <class Schedule, class Sync>
void check_copies(auto& grid, Schedule schedule, Sync policy, laws::expectation const& expect, std::string const& who) {
    auto& stages = grid.along("stages");
    auto& data = grid.along("data");
    for (bool const tied : {false, true})
        check(tutti::model_parallel_trainer{stages, layers(tied), partition::strided{}, cuts(stages), schedule, tutti::optim::sgd{},
                                            tutti::replicas{data, policy}},
              std::array{&stages, &data}, expect, who + (tied ? ", tied" : ""));
}

}  // namespace

TEST_CASE("traffic() is what a trace counts per step, by either schedule, with ties and copies") {
    laws::on_what_splits([](auto& any, laws::expectation const& expect) {
        if (any.size() > 6) return;
        tutti::comm::traced<laws::splitting> world{any};
        check_alone(world, pipeline::gpipe{}, expect, "gpipe");
        check_alone(world, pipeline::one_forward_one_backward{}, expect, "1f1b");
        for (int const copies : {2, 3}) {
            if (world.size() % copies != 0) continue;
            tutti::mesh grid{world, {{"data", copies}, {"stages", world.size() / copies}}};
            check_copies(grid, pipeline::gpipe{}, tutti::sync::every_n_steps{.n = 2}, expect, "gpipe, every_n_steps");
            check_copies(grid, pipeline::one_forward_one_backward{}, tutti::sync::all_reduce{}, expect, "1f1b, all_reduce");
            check_copies(grid, pipeline::gpipe{}, tutti::sync::compressed{tutti::sync::codec::half{}}, expect, "gpipe, half");
        }
    });
}

TEST_CASE("by gpipe, each micro-batch sends an activation forward and a gradient back over each cut") {
    laws::on_threads({1, 2, 3}, [](laws::any_communicator& world, laws::expectation const& expect) {
        // All that crosses these cuts is four doubles for each sample.
        tutti::model_parallel_trainer trainer{world,
                                              laws::staged(),
                                              partition::strided{},
                                              partition::layers{world.size() == 3 ? std::vector<std::size_t>{2, 5}
                                                                : world.size() == 2 ? std::vector<std::size_t>{3}
                                                                                    : std::vector<std::size_t>{}},
                                              pipeline::gpipe{},
                                              tutti::optim::sgd{.momentum = 0.5}};
        trainer.run_epoch(laws::wave(12), {.batch = 12, .accumulate = 4});
        double const activation = 3 * 4 * sizeof(double);
        int const cuts = (world.rank() > 0) + (world.rank() + 1 < world.size());
        auto const said = trainer.traffic(12, 4);
        expect.equal(said.of(collective::send), 4 * cuts * activation, "sent");
        expect.equal(said.of(collective::receive), 4 * cuts * activation, "received");
        expect.equal(said.total(), 8 * cuts * activation, "in all");
        expect.equal(trainer.traffic(0, 4).total(), 0.0, "of a copy without samples");

        // The loss has a float for each sample, and all four micro-batches are in flight.
        std::size_t blocks = 0;
        trainer.for_each_layer([&](auto& layer, auto k) {
            blocks += laws::numbers_of(layer).size() * (k == 6 ? sizeof(float) : sizeof(double));
        });
        bool const ends = world.rank() + 1 == world.size();
        auto const held = trainer.memory(12, 4);
        expect.equal(held.parameters, blocks, "parameters");
        expect.equal(held.gradients, blocks, "gradients");
        expect.equal(held.optimizer, blocks, "momentum");
        expect.equal(held.accumulation, blocks, "sums over micro-batches");
        expect.equal(static_cast<double>(held.activations), 2 * cuts * activation + (ends ? 4 * 3 * sizeof(float) : 0.0), "activations");
        expect.equal(held.total(), 4 * blocks + held.activations, "in all");
        expect.equal(trainer.memory().activations, 0U, "between steps");
    });
}

TEST_CASE("what is not known of activations yet is refused, on the ranks that have them") {
    laws::on_threads({1, 2}, [](laws::any_communicator& world, laws::expectation const& expect) {
        tutti::model_parallel_trainer trainer{world,           laws::staged(), partition::strided{}, partition::layers{},
                                              pipeline::gpipe{}, tutti::optim::sgd{}};
        auto const refuses = [&](auto act, std::string const& call, std::string const& words) {
            expect.template throws<tutti::usage_error>(act, {call, words}, "refused");
        };
        bool const cut = world.size() > 1;
        auto const unknown = [&](std::size_t samples, std::size_t parts, std::string const& words) {
            if (cut) refuses([&] { trainer.traffic(samples, parts); }, "tutti: traffic", words);
            refuses([&] { trainer.memory(samples, parts); }, "tutti: memory", words);
        };
        unknown(6, 2, "an activation of 3 samples");
        trainer.run_epoch(laws::wave(6), {.batch = 6, .accumulate = 2});
        unknown(6, 3, "an activation of 2 samples");
        unknown(5, 2, "an activation of 2 samples");
        expect.equal(trainer.traffic(9, 3).total(), cut ? 3.0 / 2 * trainer.traffic(6, 2).total() : 0.0, "of three of the same size");
        refuses([&] { trainer.traffic(6, 0); }, "tutti: traffic", "micro_batches must be at least 1");
        refuses([&] { trainer.memory(6, 0); }, "tutti: memory", "micro_batches must be at least 1");
    });
}
