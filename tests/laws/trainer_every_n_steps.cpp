#include "backends.hpp"
#include "training.hpp"

#include <tutti/collectives/all_reduce.hpp>
#include <tutti/optim/adam.hpp>
#include <tutti/optim/sgd.hpp>
#include <tutti/partition/strided.hpp>
#include <tutti/sync/all_reduce.hpp>
#include <tutti/sync/every_n_steps.hpp>
#include <tutti/train/data_parallel_trainer.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <vector>

namespace optim = tutti::optim;
namespace partition = tutti::partition;

namespace {

/// What `ranks` lines become in `steps` steps of plain gradient descent on their own shares of each batch, a share weighted as it is
/// of the batch, and replaced by their mean after every `n`: one loop over all of them, on one rank.
std::vector<std::array<double, 2>> by_hand(std::vector<laws::point> const& data, std::size_t batch, int ranks, int steps, int n,
                                           double rate) {
    std::vector<std::array<double, 2>> lines(static_cast<std::size_t>(ranks));
    for (int step = 0; step < steps; ++step) {
        std::size_t const first = static_cast<std::size_t>(step) % ((data.size() + batch - 1) / batch) * batch;
        std::size_t const last = std::min(first + batch, data.size());
        for (std::size_t rank = 0; rank < lines.size(); ++rank) {
            auto& [a, b] = lines[rank];
            double da = 0, db = 0;
            for (std::size_t at = first; at < last; ++at) {
                if (at % lines.size() != rank) continue;
                double const error = a * data[at].x + b - data[at].y, part = static_cast<double>(ranks) / double(last - first);
                da += 2 * error * data[at].x * part, db += 2 * error * part;
            }
            a -= rate * da, b -= rate * db;
        }
        if ((step + 1) % n != 0) continue;
        std::array<double, 2> mean{};
        for (auto const& each : lines) mean[0] += each[0] / ranks, mean[1] += each[1] / ranks;
        std::fill(lines.begin(), lines.end(), mean);
    }
    return lines;
}

std::string problem_with(laws::any_communicator& world, tutti::sync::every_n_steps settings) {
    try {
        tutti::data_parallel_trainer trainer{world, laws::line<double>{}, partition::strided{}, settings,
                                             optim::sgd{.learning_rate = 0.1}};
    } catch (tutti::usage_error const& problem) { return problem.what(); }
    return {};
}

}  // namespace

TEST_CASE("replicas go their own ways for n steps, and are then their mean") {
    auto const data = laws::wave(30);  // of 8, 8, 8 and 6
    laws::on_every_backend([&](laws::any_communicator& world, laws::expectation const& expect) {
        tutti::data_parallel_trainer trainer{world, laws::line<double>{}, partition::strided{}, tutti::sync::every_n_steps{.n = 3},
                                             optim::sgd{.learning_rate = 0.05}};
        std::vector<bool> agree;
        trainer.after_step([&](auto const&) { agree.push_back(trainer.replicas_agree()); });
        for (int epoch = 0; epoch < 2; ++epoch) trainer.run_epoch(data, {.batch = 8});
        auto const expected = by_hand(data, 8, world.size(), 8, 3, 0.05)[static_cast<std::size_t>(world.rank())];
        expect.close(trainer.model().weights[0], expected[0], 1e-12, "slope");
        expect.close(trainer.model().weights[1], expected[1], 1e-12, "offset");
        for (std::size_t step = 0; step < agree.size(); ++step)
            if (world.size() == 1 || step % 3 == 2) CHECK(agree[step]);
            else CHECK_FALSE(agree[step]);
    });
}

TEST_CASE("every step of plain descent is that of all_reduce") {
    auto const data = laws::wave(30);
    laws::on_every_backend([&](laws::any_communicator& world, laws::expectation const& expect) {
        auto const trained = [&](auto sync) {
            tutti::data_parallel_trainer trainer{world, laws::network<double>{}, partition::strided{}, sync,
                                                 optim::sgd{.learning_rate = 0.05}};
            for (int epoch = 0; epoch < 3; ++epoch) trainer.run_epoch(data, {.batch = 8});
            return laws::values_of(trainer.model());
        };
        expect.close(laws::largest_difference(trained(tutti::sync::every_n_steps{.n = 1}), trained(tutti::sync::all_reduce{})), 0,
                     1e-12, "n = 1 against all_reduce");
    });
}

TEST_CASE("a warm-up is the training of all_reduce, bit for bit") {
    auto const data = laws::wave(30);
    laws::on_every_backend([&](laws::any_communicator& world, laws::expectation const&) {
        auto const trained = [&](auto sync) {
            tutti::data_parallel_trainer trainer{world, laws::network<float>{}, partition::strided{}, sync,
                                                 optim::adam{.learning_rate = 0.02}};
            trainer.run_epoch(data, {.batch = 8});
            return laws::values_of(trainer.model());
        };
        CHECK(trained(tutti::sync::every_n_steps{.n = 100, .warm_up = 4}) == trained(tutti::sync::all_reduce{}));
    });
}

TEST_CASE("after a warm-up, every n-th step exchanges") {
    auto const data = laws::wave(30);
    laws::on_every_backend([&](laws::any_communicator& world, laws::expectation const&) {
        tutti::data_parallel_trainer trainer{world, laws::line<double>{}, partition::strided{},
                                             tutti::sync::every_n_steps{.n = 3, .warm_up = 2}, optim::sgd{.learning_rate = 0.05}};
        std::vector<bool> agree;
        trainer.after_step([&](auto const&) { agree.push_back(trainer.replicas_agree()); });
        for (int epoch = 0; epoch < 3; ++epoch) trainer.run_epoch(data, {.batch = 8});
        std::vector<bool> expected;  // steps 1 and 2, then 5, 8 and 11
        for (int step = 1; step <= 12; ++step) expected.push_back(world.size() == 1 || step <= 2 || (step - 2) % 3 == 0);
        CHECK(agree == expected);
    });
}

TEST_CASE("settings that make no sense, or differ, are told on every rank") {
    laws::on_every_backend([&](laws::any_communicator& world, laws::expectation const&) {
        CHECK(problem_with(world, {.n = 0}).find("n = 0 must be at least 1") != std::string::npos);
        CHECK(problem_with(world, {.warm_up = -1}).find("warm_up = -1 cannot be negative") != std::string::npos);
        if (world.size() == 1) return;
        CHECK(problem_with(world, {.n = world.rank() == 1 ? 4 : 3}).find("n is 3 on rank 0 and 4 on rank 1") != std::string::npos);
    });
}
