#include "backends.hpp"
#include "training.hpp"

#include <tutti/optim/sgd.hpp>
#include <tutti/partition/strided.hpp>
#include <tutti/sync/all_reduce.hpp>
#include <tutti/train/data_parallel_trainer.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <vector>

namespace {

/// Its training pass is a template that compiles for a selection alone: nothing else has rows().
struct needs_rows {
    std::array<double, 1> x{}, g{};

    auto parameters() { return std::span{x}; }
    auto gradients() { return std::span{g}; }
    template <class Batch>
    double loss_and_gradients(Batch const& batch) {
        double sum = 0;
        for (std::size_t const row : batch.rows()) sum += static_cast<double>(row);
        g[0] = sum / static_cast<double>(batch.size());
        return g[0];
    }
};

}  // namespace

TEST_CASE("a model's training pass is compiled for the batches that it is shown, and no others") {
    auto const data = laws::wave(9);
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        tutti::data_parallel_trainer trainer{world, needs_rows{}, tutti::partition::strided{}, tutti::sync::all_reduce{},
                                             tutti::optim::sgd{.learning_rate = 1}};
        expect.close(trainer.run_epoch(data, {.batch = 9}).mean_loss, 4, 1e-14, "mean of the rows 0 to 8");
        expect.close(trainer.model().x[0], -4, 1e-14, "step against the mean of the rows");
    });
}

TEST_CASE("evaluate takes data of another kind than the model trains on, since only the metric sees them") {
    std::vector<double> const numbers{1, 2, 3, 4, 5, 6};
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        tutti::data_parallel_trainer trainer{world, laws::line<double>{}, tutti::partition::strided{}, tutti::sync::all_reduce{},
                                             tutti::optim::sgd{}};
        double const mean = trainer.evaluate(numbers, {.batch = 4}, [](auto&, auto const& batch) {
            double sum = 0;
            for (double const each : batch) sum += each;
            return sum / static_cast<double>(batch.size());
        });
        expect.close(mean, 3.5, 1e-14, "mean");
    });
}
