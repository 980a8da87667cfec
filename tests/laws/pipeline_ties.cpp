#include "staged.hpp"

#include <tutti/collectives/all_gather.hpp>
#include <tutti/optim/adam.hpp>
#include <tutti/optim/sgd.hpp>
#include <tutti/partition/layers.hpp>
#include <tutti/partition/shuffled.hpp>
#include <tutti/pipeline/gpipe.hpp>
#include <tutti/pipeline/one_forward_one_backward.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace optim = tutti::optim;
namespace partition = tutti::partition;
namespace pipeline = tutti::pipeline;

namespace {

/// The biases of the two dense layers are one, which a trainer that does not know of layers sees once.
struct tied_in_one_piece : laws::in_one_piece {
    auto parameters() {
        return std::tuple{first.parameters(), std::span{second->weights}, std::span{second->bias}, std::span{fourth->weights},
                          std::span{last.weights}};
    }
    auto gradients() {
        return std::tuple{first.gradients(), std::span{second->weight_slopes}, std::span{second->bias_slopes},
                          std::span{fourth->weight_slopes}, std::span{last.slopes}};
    }
    double loss_and_gradients(auto const& batch) {
        fourth->bias = second->bias;
        double const loss = in_one_piece::loss_and_gradients(batch);
        for (std::size_t i = 0; i < second->bias.size(); ++i) second->bias_slopes[i] += fourth->bias_slopes[i];
        return loss;
    }
};

auto tied_layers() { return laws::staged().tied({1, 1}, {3, 1}); }

bool fits(auto& world) { return static_cast<std::size_t>(world.size()) <= laws::staged_layers; }

}  // namespace

TEST_CASE("tied parameters train as one: the losses and parameters of one rank with one block, bit for bit") {
    auto const data = laws::wave(20);
    tutti::epoch_options const options{.batch = 6};
    tutti::comm::solo alone;
    tutti::data_parallel_trainer oracle{alone, tied_in_one_piece{}, partition::shuffled{.seed = 3}, tutti::sync::all_reduce{},
                                        optim::adam{.learning_rate = 0.02}};
    std::vector<double> losses;
    for (int epoch = 0; epoch < 3; ++epoch) losses.push_back(oracle.run_epoch(data, options).mean_loss);
    oracle.model().fourth->bias = oracle.model().second->bias;
    CHECK(*std::ranges::max_element(oracle.model().second->bias) > 0);
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        if (!fits(world)) return;
        tutti::model_parallel_trainer trainer{world,
                                              tied_layers(),
                                              partition::shuffled{.seed = 3},
                                              partition::layers{},
                                              pipeline::one_forward_one_backward{},
                                              optim::adam{.learning_rate = 0.02}};
        for (double const loss : losses) expect.equal(trainer.run_epoch(data, options).mean_loss, loss, "loss");
        trainer.for_each_layer([&](auto& layer, auto k) {
            expect(laws::numbers_of(layer) == oracle.model().of_layer(k), "layer " + std::to_string(k));
        });
    });
}

TEST_CASE("with micro-batches and clipping, tied parameters have the same bits on any number of ranks, and are counted once") {
    auto const data = laws::wave(20);
    tutti::epoch_options const options{.batch = 10, .accumulate = 4, .clip_norm = 0.05};
    tutti::comm::solo alone;
    tutti::data_parallel_trainer oracle{alone, tied_in_one_piece{}, partition::shuffled{.seed = 3}, tutti::sync::all_reduce{},
                                        optim::sgd{.learning_rate = 0.2}};
    double const expected = oracle.run_epoch(data, options).mean_loss;
    auto train = [&](auto& world) {
        tutti::model_parallel_trainer trainer{world,
                                              tied_layers(),
                                              partition::shuffled{.seed = 3},
                                              partition::layers{},
                                              pipeline::gpipe{},
                                              optim::sgd{.learning_rate = 0.2}};
        std::vector<double> found;
        trainer.after_step([&](tutti::step_report const& step) { found.push_back(step.gradient_norm); });
        found.push_back(trainer.run_epoch(data, options).mean_loss);
        return found;
    };
    std::vector<double> norms;
    tutti::data_parallel_trainer again{alone, tied_in_one_piece{}, partition::shuffled{.seed = 3}, tutti::sync::all_reduce{},
                                       optim::sgd{.learning_rate = 0.2}};
    again.after_step([&](tutti::step_report const& step) { norms.push_back(step.gradient_norm); });
    again.run_epoch(data, options);
    auto const here = train(alone);
    REQUIRE(here.size() == 3);
    CHECK(here[0] == doctest::Approx(norms[0]).epsilon(1e-9));
    CHECK(here[1] == doctest::Approx(norms[1]).epsilon(1e-9));
    CHECK(here[2] == doctest::Approx(expected).epsilon(1e-9));
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        if (fits(world)) expect(train(world) == here, "norms and loss");
    });
}

TEST_CASE("tied parameters start as the first of them") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        if (!fits(world)) return;
        auto build = [](double start) {
            return [=] {
                laws::spread layer;
                layer.weights = {start, start, start};
                return layer;
            };
        };
        struct sheets {  // takes what spread gives, and gives it back
            struct saved {};
            static laws::sheet forward(laws::sheet x, saved&) { return x; }
            static laws::sheet backward(laws::sheet dy, saved&) { return dy; }
            std::array<double, 3> weights{7, 7, 7}, slopes{};
            auto parameters() { return std::span{weights}; }
            auto gradients() { return std::span{slopes}; }
        };
        auto none = [] { return laws::hyperbolic{}; };
        laws::no_loss const loss;
        tutti::model_parallel_trainer trainer{
            world,
            tutti::layers{build(0.5), none, none, none, none, none, [] { return sheets{}; }, loss}.tied({0, 0}, {6, 0}),
            partition::shuffled{},
            partition::layers{},
            pipeline::gpipe{},
            optim::sgd{}};
        trainer.for_each_layer([&](auto& layer, auto k) {
            if (k == 0 || k == 6) expect(laws::numbers_of(layer) == std::vector<double>(3, 0.5), "the first's numbers");
        });
    });
}

TEST_CASE("ties that make no sense are refused on every rank") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        if (!fits(world)) return;
        auto refuses = [&](auto model, std::initializer_list<std::string_view> words) {
            expect.throws<tutti::usage_error>(
                [&] {
                    tutti::model_parallel_trainer trainer{
                        world, std::move(model), partition::shuffled{}, partition::layers{}, pipeline::gpipe{}, optim::sgd{}};
                },
                words, "refused");
        };
        refuses(laws::staged().tied({1, 1}, {7, 0}), {"tie", "layer 7 of 7"});
        refuses(laws::staged().tied({1, 1}, {3, 2}), {"block 2 of layer 3"});
        refuses(laws::staged().tied({2, 0}, {3, 1}), {"block 0 of layer 2"});
        refuses(laws::staged().tied({1, 1}, {3, 0}), {"block 1 of layer 1", "4", "16"});
        refuses(laws::staged().tied({1, 1}, {6, 0}), {"another type"});
        refuses(laws::staged().tied({1, 1}, {3, 1}).tied({3, 1}, {6, 0}), {"block 1 of layer 3", "twice"});
        refuses(laws::staged().tied({1, 1}, {1, 1}), {"twice"});
        if (world.size() > 1) {
            bool const mine = world.rank() == 0;
            refuses(mine ? laws::staged() : tied_layers(), {"ties"});
        }
        expect.all(
            tutti::all_gather(world, 1), [](std::size_t) { return 1; }, "the group is usable afterwards");
    });
}
