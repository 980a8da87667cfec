#include "backends.hpp"
#include "training.hpp"

#include <tutti/collectives/all_gather.hpp>
#include <tutti/concepts/buffers.hpp>
#include <tutti/optim/sgd.hpp>
#include <tutti/partition/strided.hpp>
#include <tutti/sync/all_reduce.hpp>
#include <tutti/train/data_parallel_trainer.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace partition = tutti::partition;

namespace {

/// A line that keeps the mean of x of its last batch, and how many batches it has seen.
struct with_buffers : laws::line<double> {
    std::array<double, 1> mean{};
    std::vector<int> seen = std::vector<int>(1);

    auto buffers() { return std::tuple{std::span{mean}, std::span{seen}}; }
    double loss_and_gradients(auto const& batch) {
        mean[0] = 0;
        for (laws::point const& each : batch) mean[0] += each.x / static_cast<double>(batch.size());
        ++seen[0];
        return line::loss_and_gradients(batch);
    }
};
static_assert(tutti::has_buffers<with_buffers>);
static_assert(!tutti::has_buffers<laws::line<double>>);

}  // namespace

TEST_CASE("buffers are those of rank 0: at the start, after an epoch, and where a metric is taken") {
    std::vector<laws::point> const data{{0, 1}, {1, 3}, {2, 5}, {3, 7}, {4, 9}, {5, 11}, {6, 13}, {7, 15}};
    laws::on_every_backend([&](laws::any_communicator& world, laws::expectation const&) {
        with_buffers start;
        start.mean[0] = 10 + world.rank();
        start.seen[0] = 20 + world.rank();
        tutti::data_parallel_trainer trainer{world, start, partition::strided{}, tutti::sync::all_reduce{},
                                             tutti::optim::sgd{.learning_rate = 0.001}};
        CHECK(trainer.model().mean[0] == 10);
        CHECK(trainer.model().seen[0] == 20);

        trainer.run_epoch(data, {.batch = 8});  // rank 0 of p has x = 0, p, 2p ... of one batch
        double mean = 0;
        int samples = 0;
        for (int x = 0; x < 8; x += world.size()) mean += x, ++samples;
        CHECK(trainer.model().mean[0] == doctest::Approx(mean / samples));
        CHECK(trainer.model().seen[0] == 21);
        for (double const theirs : tutti::all_gather(world, trainer.model().mean[0])) CHECK(theirs == trainer.model().mean[0]);

        trainer.model().seen[0] = 30 + world.rank();
        trainer.evaluate(data, {.batch = 4}, [](with_buffers& model, auto const&) {
            CHECK(model.seen[0] == 30);
            return 0.0;
        });
    });
}

TEST_CASE("buffers that differ in size are told before anything changes") {
    laws::on_every_backend([&](laws::any_communicator& world, laws::expectation const&) {
        if (world.size() == 1) return;
        with_buffers start;
        start.seen.resize(world.rank() == 0 ? 2 : 1);
        bool told = false;
        try {
            tutti::data_parallel_trainer trainer{world, start, partition::strided{}, tutti::sync::all_reduce{},
                                                 tutti::optim::sgd{.learning_rate = 0.1}};
        } catch (tutti::usage_error const& problem) {
            told = std::string{problem.what()}.find("the list of buffer sizes") != std::string::npos;
        }
        CHECK(told);
    });
}
