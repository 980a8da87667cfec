#include "splitting.hpp"
#include "staged.hpp"

#include <tutti/collectives/all_gather.hpp>
#include <tutti/collectives/all_reduce.hpp>
#include <tutti/comm/mesh.hpp>
#include <tutti/error.hpp>
#include <tutti/optim/adam.hpp>
#include <tutti/optim/sgd.hpp>
#include <tutti/partition/layers.hpp>
#include <tutti/partition/shuffled.hpp>
#include <tutti/partition/strided.hpp>
#include <tutti/pipeline/one_forward_one_backward.hpp>
#include <tutti/sync/all_reduce.hpp>
#include <tutti/sync/codec/half.hpp>
#include <tutti/sync/compressed.hpp>
#include <tutti/sync/every_n_steps.hpp>
#include <tutti/train/replicas.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

namespace optim = tutti::optim;
namespace partition = tutti::partition;
namespace pipeline = tutti::pipeline;

namespace {

/// `body(world, grid, expect)` on every backend that can be split, with all numbers of copies that leave each no more ranks than layers.
template <class Body>
void on_grids(Body body) {
    laws::on_what_splits([&](auto& world, laws::expectation const& expect) {
        for (int copies = 1; copies <= world.size(); ++copies) {
            int const stages = world.size() / copies;
            if (world.size() % copies != 0 || stages > static_cast<int>(laws::staged_layers) || world.size() > 8) continue;
            tutti::mesh grid{world, {{"data", copies}, {"stages", stages}}};
            body(world, grid, expect);
        }
    });
}

template <class Grid, class Sync = tutti::sync::all_reduce, class Optimizer = optim::sgd>
auto trainer_on(Grid& grid, Optimizer optimizer = {.learning_rate = 0.05, .momentum = 0.9}, Sync policy = {}, std::uint64_t seed = 3,
                bool tied = false) {
    return tutti::model_parallel_trainer{grid.along("stages"),
                                         tied ? laws::staged().tied({1, 1}, {3, 1}) : laws::staged(),
                                         partition::shuffled{.seed = seed},
                                         partition::layers{},
                                         pipeline::one_forward_one_backward{},
                                         optimizer,
                                         tutti::replicas{grid.along("data"), policy}};
}

template <class Trainer>
std::vector<double> values(Trainer& trainer) {
    std::vector<double> all;
    trainer.for_each_layer([&](auto& layer, auto) {
        for (double const each : laws::numbers_of(layer)) all.push_back(each);
    });
    return all;
}

/// Whether the copies of this rank's stage are equal, bit for bit.
template <class Grid, class Trainer>
bool copies_agree(Grid& grid, Trainer& trainer) {
    auto const mine = values(trainer);
    std::vector<double> all(mine.size() * static_cast<std::size_t>(grid.extent("data")));
    tutti::all_gather(grid.along("data"), mine, all);
    for (std::size_t k = 0; k < all.size(); ++k)
        if (all[k] != mine[k % mine.size()]) return false;
    return true;
}

}  // namespace

TEST_CASE("copies of a pipeline train as one rank does, to rounding, and stay equal bit for bit") {
    for (std::size_t const batch : {10UL, 3UL, 1UL}) {  // fewer samples than copies, and a last batch of 3 or 2
        auto const data = laws::wave(23);
        for (double const clip : {0.0, 0.05}) {
            tutti::epoch_options const options{.batch = batch, .accumulate = 3, .clip_norm = clip};
            std::vector<double> losses, norms;
            laws::in_one_piece model;
            double evaluated = 0;
            {
                tutti::comm::solo alone;
                tutti::data_parallel_trainer trainer{alone, laws::in_one_piece{}, partition::shuffled{.seed = 3}, tutti::sync::all_reduce{},
                                                     optim::sgd{.learning_rate = 0.05, .momentum = 0.9}};
                trainer.after_step([&](auto const& step) { norms.push_back(step.gradient_norm); });
                for (int epoch = 0; epoch < 2; ++epoch) losses.push_back(trainer.run_epoch(data, options).mean_loss);
                evaluated = trainer.evaluate(data, {.batch = 4});
                model = std::move(trainer.model());
            }
            on_grids([&](auto& /*world*/, auto& grid, laws::expectation const& expect) {
                auto trainer = trainer_on(grid);
                std::size_t step = 0;
                trainer.after_step([&](tutti::step_report const& report) {
                    expect.close(report.gradient_norm, norms[step++], 1e-5, "norm");
                    expect(copies_agree(grid, trainer), "copies are equal after a step");
                });
                for (double const loss : losses) {
                    auto const report = trainer.run_epoch(data, options);
                    expect.close(report.mean_loss, loss, 1e-5, "loss");
                    expect.equal(report.samples, 23U, "samples of all copies");
                }
                trainer.for_each_layer([&](auto& layer, auto k) {
                    auto const mine = laws::numbers_of(layer), wanted = model.of_layer(k);
                    for (std::size_t i = 0; i < mine.size(); ++i) expect.close(mine[i], wanted[i], 1e-4, "parameter");
                });
                expect.close(trainer.evaluate(data, {.batch = 4}), evaluated, 1e-4, "evaluated: each sample once");
            });
        }
    }
}

TEST_CASE("tied parameters of copies train as those of one rank, to rounding, and both ends stay equal bit for bit") {
    auto const data = laws::wave(23);
    for (std::size_t const batch : {10UL, 3UL}) {  // 3: fewer samples than copies
        tutti::epoch_options const options{.batch = batch, .accumulate = 2, .clip_norm = 0.05};
        optim::sgd const rule{.learning_rate = 0.2, .momentum = 0.5};
        std::vector<double> losses, norms;
        tutti::comm::solo alone;
        tutti::model_parallel_trainer oracle{alone, laws::staged().tied({1, 1}, {3, 1}), partition::shuffled{.seed = 3},
                                             partition::layers{}, pipeline::one_forward_one_backward{}, rule};
        oracle.after_step([&](auto const& step) { norms.push_back(step.gradient_norm); });
        for (int epoch = 0; epoch < 2; ++epoch) losses.push_back(oracle.run_epoch(data, options).mean_loss);
        std::vector<std::vector<double>> wanted(laws::staged_layers);
        oracle.for_each_layer([&](auto& layer, auto k) { wanted[k] = laws::numbers_of(layer); });

        on_grids([&](auto& /*world*/, auto& grid, laws::expectation const& expect) {
            // Both ends to all stages: of each number one rank has it, and the others a zero.
            auto const ends_agree = [&](auto& trainer) {
                std::vector<double> ends(8);
                trainer.for_each_layer([&](auto& layer, auto k) {
                    if (k != 1 && k != 3) return;
                    auto const numbers = laws::numbers_of(layer);
                    std::copy(numbers.end() - 4, numbers.end(), ends.begin() + (k == 1 ? 0 : 4));
                });
                tutti::all_reduce(grid.along("stages"), ends);
                expect(std::equal(ends.begin(), ends.begin() + 4, ends.begin() + 4), "both ends are equal");
                expect(copies_agree(grid, trainer), "copies are equal");
            };
            auto trainer = trainer_on(grid, rule, tutti::sync::all_reduce{}, 3, true);
            std::size_t step = 0;
            trainer.after_step([&](auto const& report) {
                expect.close(report.gradient_norm, norms[step++], 1e-5, "norm");
                ends_agree(trainer);
            });
            for (double const loss : losses) expect.close(trainer.run_epoch(data, options).mean_loss, loss, 1e-5, "loss");
            trainer.for_each_layer([&](auto& layer, auto k) {
                auto const mine = laws::numbers_of(layer);
                for (std::size_t i = 0; i < mine.size(); ++i) expect.close(mine[i], wanted[k][i], 1e-4, "parameter");
            });
            auto halved = trainer_on(grid, rule, tutti::sync::compressed{tutti::sync::codec::half{}}, 3, true);
            halved.run_epoch(data, options);
            ends_agree(halved);
        });
    }
}

TEST_CASE("copies start as the first one, whatever their factories give") {
    on_grids([](auto& /*world*/, auto& grid, laws::expectation const& expect) {
        if (grid.extent("stages") > 2) return;
        double const odd = grid.coordinate("data");
        tutti::model_parallel_trainer trainer{grid.along("stages"),
                                              tutti::layers{[] { return laws::spread{}; },
                                                            [&] { return laws::dense{4, 3, 1 + odd}; }, laws::no_loss{}},
                                              partition::strided{}, partition::layers{}, pipeline::one_forward_one_backward{},
                                              optim::sgd{}, tutti::replicas{grid.along("data"), tutti::sync::all_reduce{}}};
        expect(copies_agree(grid, trainer), "equal");
        if (trainer.template layer<1>()) expect(trainer.template layer<1>()->weights == laws::dense{4, 3, 1}.weights, "the first's");
    });
}

TEST_CASE("copies that average parameters every step do as those that sum gradients, where the optimiser is plain SGD") {
    auto const data = laws::wave(20);
    tutti::epoch_options const options{.batch = 8, .accumulate = 2};
    on_grids([&](auto& /*world*/, auto& grid, laws::expectation const& expect) {
        auto summed = trainer_on(grid, optim::sgd{.learning_rate = 0.05});
        auto averaged = trainer_on(grid, optim::sgd{.learning_rate = 0.05}, tutti::sync::every_n_steps{.n = 1});
        auto halved = trainer_on(grid, optim::sgd{.learning_rate = 0.05}, tutti::sync::compressed{tutti::sync::codec::half{}});
        for (int epoch = 0; epoch < 2; ++epoch) {
            double const loss = summed.run_epoch(data, options).mean_loss;
            expect.close(averaged.run_epoch(data, options).mean_loss, loss, 1e-5, "loss");
            expect.close(halved.run_epoch(data, options).mean_loss, loss, 1e-2, "loss with gradients sent in half precision");
            expect(copies_agree(grid, halved), "equal");
        }
    });
}

TEST_CASE("step() takes each copy's own micro-batches, as many as it has") {
    auto const data = laws::wave(30);
    on_grids([&](auto& /*world*/, auto& grid, laws::expectation const& expect) {
        // Copy k brings k + 1 micro-batches of two samples; the oracle all of them.
        auto const of = [&](int copy) {
            std::vector<std::vector<laws::point>> parts;
            auto at = data.begin() + copy * (copy + 1) % 8;
            for (int k = 0; k <= copy % 3; ++k, at += 2) parts.emplace_back(at, at + 2);
            return parts;
        };
        std::vector<std::vector<laws::point>> all;
        for (int copy = 0; copy < grid.extent("data"); ++copy)
            for (auto const& each : of(copy)) all.push_back(each);
        tutti::comm::solo alone;
        tutti::model_parallel_trainer oracle{alone, laws::staged(), partition::shuffled{.seed = 3}, partition::layers{},
                                             pipeline::one_forward_one_backward{}, optim::sgd{.learning_rate = 0.05, .momentum = 0.9}};
        auto trainer = trainer_on(grid);
        for (int k = 0; k < 2; ++k) {
            auto const wanted = oracle.step(all, 0.1), found = trainer.step(of(grid.coordinate("data")), 0.1);
            expect.close(found.mean_loss, wanted.mean_loss, 1e-5, "loss");
            expect.close(found.gradient_norm, wanted.gradient_norm, 1e-5, "norm");
            expect.equal(found.samples, wanted.samples, "samples of all copies");
        }
        expect(copies_agree(grid, trainer), "equal");
    });
}

TEST_CASE("what one rank of a grid has otherwise is refused on every rank, and nothing is changed") {
    auto const data = laws::wave(12);
    on_grids([&](auto& world, auto& grid, laws::expectation const& expect) {
        if (world.size() == 1) return;
        bool const odd = world.rank() + 1 == world.size();
        auto refuses = [&](auto act, std::initializer_list<std::string_view> words) {
            expect.template throws<tutti::usage_error>(act, words, "refused");
            expect.equal(tutti::all_gather(world, world.rank()).size(), static_cast<std::size_t>(world.size()), "still usable");
        };
        refuses([&] { trainer_on(grid, optim::sgd{.learning_rate = odd ? 0.1 : 0.2}); }, {"optimiser"});
        refuses([&] { trainer_on(grid, optim::sgd{.learning_rate = odd ? -0.1 : 0.1}); }, {"learning_rate"});
        if (grid.extent("data") > 1)
            refuses([&] { trainer_on(grid, optim::sgd{}, tutti::sync::every_n_steps{.n = odd ? 2 : 3}); }, {"every_n_steps", "n is"});
        auto trainer = trainer_on(grid);
        auto const before = values(trainer);
        refuses([&] { trainer.run_epoch(data, {.batch = odd ? 4UL : 5UL}); }, {"batch"});
        refuses([&] { trainer.run_epoch(data, {.batch = 0}); }, {"batch"});
        refuses([&] { trainer.evaluate(data, {.batch = odd ? 4UL : 5UL}); }, {"batch"});
        auto seeded = trainer_on(grid, optim::sgd{}, tutti::sync::all_reduce{}, odd ? 1 : 2);
        refuses([&] { seeded.run_epoch(data, {.batch = 4}); }, {"partition"});
        std::vector<std::vector<laws::point>> parts(2, data);
        refuses([&] { trainer.step(parts, odd ? 0.1 : 0.2); }, {"clip_norm"});
        if (odd) parts.clear();
        refuses([&] { trainer.step(parts); }, {"micro-batch"});
        expect(values(trainer) == before, "parameters are as they were");
        trainer.run_epoch(data, {.batch = 4});
    });
}
