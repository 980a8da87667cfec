#include "staged.hpp"

#include <tutti/optim/adam.hpp>
#include <tutti/optim/sgd.hpp>
#include <tutti/partition/balanced_layers.hpp>
#include <tutti/partition/layers.hpp>
#include <tutti/partition/shuffled.hpp>
#include <tutti/pipeline/gpipe.hpp>
#include <tutti/pipeline/one_forward_one_backward.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <vector>

namespace optim = tutti::optim;
namespace partition = tutti::partition;
namespace pipeline = tutti::pipeline;

namespace {

/// A training on one rank, by the trainer that does not know of layers.
struct oracle {
    laws::in_one_piece model{};
    std::vector<double> losses{};
    double evaluated = 0;

    template <class Optimizer>
    oracle(Optimizer optimizer, std::vector<laws::point> const& data, tutti::epoch_options const& options, int epochs) {
        tutti::comm::solo alone;
        tutti::data_parallel_trainer trainer{alone, laws::in_one_piece{}, partition::shuffled{.seed = 3}, tutti::sync::all_reduce{},
                                             optimizer};
        for (int epoch = 0; epoch < epochs; ++epoch) losses.push_back(trainer.run_epoch(data, options).mean_loss);
        evaluated = trainer.evaluate(data, {.batch = 7});
        model = std::move(trainer.model());
    }
};

template <class Trainer>
void compare(Trainer& trainer, oracle& alone, laws::expectation const& expect) {
    trainer.for_each_layer([&](auto& layer, auto k) {
        expect(laws::numbers_of(layer) == alone.model.of_layer(k), "layer " + std::to_string(k) + " is what it is on one rank");
    });
}

bool fits(auto& world) { return static_cast<std::size_t>(world.size()) <= laws::staged_layers; }

}  // namespace

TEST_CASE("a pipeline gives the losses and parameters of one rank, bit for bit, by either schedule, whatever the micro-batches") {
    auto const data = laws::wave(23);  // in batches of 10, 10 and 3
    for (std::size_t const parts : {1UL, 2UL, 3UL, 8UL}) {
        tutti::epoch_options const options{.batch = 10, .accumulate = parts};
        oracle alone{optim::sgd{.learning_rate = 0.05, .momentum = 0.9}, data, options, 3};
        laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
            if (!fits(world)) return;
            auto check = [&](auto schedule) {
                tutti::model_parallel_trainer trainer{world, laws::staged(), partition::shuffled{.seed = 3}, partition::layers{}, schedule,
                                                      optim::sgd{.learning_rate = 0.05, .momentum = 0.9}};
                for (double const loss : alone.losses) expect.equal(trainer.run_epoch(data, options).mean_loss, loss, "loss");
                compare(trainer, alone, expect);
                expect.equal(trainer.evaluate(data, {.batch = 7}), alone.evaluated, "evaluated");
            };
            check(pipeline::gpipe{});
            check(pipeline::one_forward_one_backward{});
        });
    }
}
