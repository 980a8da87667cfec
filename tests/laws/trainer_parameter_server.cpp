#include "backends.hpp"
#include "training.hpp"

#include <tutti/collectives/all_gather.hpp>
#include <tutti/comm/solo.hpp>
#include <tutti/comm/traced.hpp>
#include <tutti/optim/adam.hpp>
#include <tutti/optim/sgd.hpp>
#include <tutti/partition/strided.hpp>
#include <tutti/sync/all_reduce.hpp>
#include <tutti/sync/parameter_server.hpp>
#include <tutti/train/data_parallel_trainer.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace optim = tutti::optim;
namespace partition = tutti::partition;
using tutti::sync::parameter_server;

namespace {

/// Gradients that do not depend on parameters, in blocks of two types that shards cut anywhere: their sum does not depend on when
/// they are counted. A slow rank takes a while for each.
struct constant {
    std::vector<float> a = std::vector<float>(45), da = a;
    std::vector<double> b = std::vector<double>(20), db = b;
    bool is_slow = false;

    auto parameters() { return std::tuple{std::span{a}, std::span{b}}; }
    auto gradients() { return std::tuple{std::span{da}, std::span{db}}; }
    double loss_and_gradients(auto const& batch) {
        if (is_slow) std::this_thread::sleep_for(std::chrono::milliseconds{1});
        double x = 0;
        for (laws::point const& each : batch) x += each.x;
        x /= static_cast<double>(batch.size());
        for (std::size_t i = 0; i < da.size(); ++i) da[i] = static_cast<float>(x) * static_cast<float>(i);
        for (std::size_t i = 0; i < db.size(); ++i) db[i] = x + static_cast<double>(i);
        return x;
    }
};

/// Notes when it began and computed each gradient, by the clock of the host.
struct timed {
    bool is_slow = false;
    std::vector<std::int64_t> begun{}, computed{};
    std::array<float, 3> value{}, slope{};

    static std::int64_t now() { return std::chrono::steady_clock::now().time_since_epoch().count(); }
    auto parameters() { return std::span{value}; }
    auto gradients() { return std::span{slope}; }
    float loss_and_gradients(auto const& /*batch*/) {
        begun.push_back(now());
        if (is_slow) std::this_thread::sleep_for(std::chrono::milliseconds{1});
        computed.push_back(now());
        return 0;
    }
};

}  // namespace

TEST_CASE("no rank begins a step before all have computed the gradient of the one staleness + 1 before") {
    laws::on_every_backend([&](laws::any_communicator& world, laws::expectation const& expect) {
        if (!world.can_start_messages()) return;
        std::size_t const steps = 12, ranks = static_cast<std::size_t>(world.size());
        for (int const staleness : {0, 1, 3}) {
            tutti::data_parallel_trainer trainer{world, timed{.is_slow = world.rank() == world.size() / 2}, partition::strided{},
                                                 parameter_server{.staleness = staleness}, optim::sgd{}};
            trainer.run_epoch(std::vector<int>(steps * ranks), {.batch = ranks});
            std::vector<std::int64_t> computed(steps * ranks);
            tutti::all_gather(world, trainer.model().computed, computed);
            for (std::size_t rank = 0; rank < ranks; ++rank)
                for (std::size_t step = 1 + static_cast<std::size_t>(staleness); step < steps; ++step)
                    expect(trainer.model().begun[step] >= computed[rank * steps + step - 1 - static_cast<std::size_t>(staleness)],
                           "a rank is further ahead than its staleness");
        }
    });
}

TEST_CASE("with staleness 0 a parameter server trains as all_reduce, bit for bit") {
    laws::on_every_backend([&](laws::any_communicator& world, laws::expectation const& expect) {
        if (!world.can_start_messages()) return;
        auto check = [&](auto const& model, auto const& optimizer, tutti::epoch_options const& options) {
            auto const trained = [&](auto sync) {
                tutti::data_parallel_trainer trainer{world, model, partition::strided{}, sync, optimizer};
                for (int epoch = 0; epoch < 2; ++epoch) trainer.run_epoch(laws::wave(30), options);
                trainer.step(laws::wave(static_cast<std::size_t>(world.rank() + 1)));
                expect(trainer.replicas_agree(), "replicas agree");
                return laws::values_of(trainer.model());
            };
            double const apart = laws::largest_difference(trained(tutti::sync::all_reduce{}), trained(parameter_server{}));
            expect.close(apart, 0, world.folds_rank_by_rank() && options.clip_norm == 0 ? 0 : 1e-5, "against all_reduce");
        };
        check(laws::network<float>{}, optim::adam{.learning_rate = 0.02}, {.batch = 8});
        check(constant{}, optim::sgd{.learning_rate = 0.05, .momentum = 0.9}, {.batch = 7, .accumulate = 2});
        check(laws::line<double>{}, optim::sgd{.learning_rate = 0.05}, {.batch = 8, .clip_norm = 0.1});
    });
}

TEST_CASE("every gradient counts once, and replicas are equal, when an epoch ends, whoever is slow") {
    auto const data = laws::wave(48);
    auto train = [&](auto& world, auto sync, int slow) {
        constant model;
        model.is_slow = world.rank() == slow;
        tutti::data_parallel_trainer trainer{world, model, partition::strided{}, sync, optim::sgd{.learning_rate = 0.25}};
        for (int epoch = 0; epoch < 2; ++epoch) trainer.run_epoch(data, {.batch = 8});
        return std::pair{laws::values_of(trainer.model()), trainer.replicas_agree()};
    };
    tutti::comm::solo alone;
    auto const expected = train(alone, tutti::sync::all_reduce{}, -1).first;
    laws::on_every_backend([&](laws::any_communicator& world, laws::expectation const& expect) {
        if (!world.can_start_messages()) return;
        for (int const staleness : {1, 2, 100})
            for (int const slow : {-1, world.size() - 1}) {
                auto const [values, agree] = train(world, parameter_server{.staleness = staleness}, slow);
                expect(agree, "replicas agree");
                expect.close(laws::largest_difference(values, expected), 0, 1e-3, "the sum of all gradients");
            }
    });
}

TEST_CASE("it learns from stale parameters") {
    auto const data = laws::wave(64);
    laws::on_every_backend([&](laws::any_communicator& world, laws::expectation const& expect) {
        if (!world.can_start_messages()) return;
        tutti::data_parallel_trainer trainer{world, laws::line<double>{}, partition::strided{}, parameter_server{.staleness = 2},
                                             optim::sgd{.learning_rate = 0.05}};
        double const first = trainer.run_epoch(data, {.batch = 16}).mean_loss;
        double last = first;
        for (int epoch = 0; epoch < 10; ++epoch) last = trainer.run_epoch(data, {.batch = 16}).mean_loss;
        for (int step = 0; step < 3; ++step) trainer.step(data);
        expect(last < 0.8 * first, "the loss falls");
        expect(trainer.replicas_agree(), "replicas agree after steps");
    });
}

TEST_CASE("staleness that is negative, or differs, is told on every rank; traffic is what a trace counts") {
    laws::on_every_backend([&](laws::any_communicator& world, laws::expectation const& expect) {
        auto problem_with = [&](int staleness) -> std::string {
            try {
                tutti::data_parallel_trainer trainer{world, laws::line<double>{}, partition::strided{},
                                                     parameter_server{.staleness = staleness}, optim::sgd{}};
            } catch (tutti::usage_error const& problem) { return problem.what(); }
            return {};
        };
        expect(problem_with(-1).find("staleness = -1 cannot be negative") != std::string::npos, "negative");
        if (world.size() > 1)
            expect(problem_with(world.rank() == 1 ? 4 : 3).find("is 3 on rank 0 and 4 on rank 1") != std::string::npos, "differs");

        if (!world.can_start_messages()) return;
        tutti::comm::traced<laws::any_communicator> traced{world};
        tutti::data_parallel_trainer trainer{traced, constant{}, partition::strided{}, parameter_server{.staleness = 1},
                                             optim::sgd{}};
        std::vector<tutti::comm::trace_summary> steps;
        trainer.after_step([&](auto const&) { steps.push_back(traced.summary()); });
        trainer.run_epoch(laws::wave(24), {.batch = 8});
        for (auto const kind : {tutti::collective::send, tutti::collective::receive})
            expect.equal(static_cast<double>(steps[2].of(kind).bytes - steps[1].of(kind).bytes), trainer.traffic().of(kind), "sum");
        double all = 0;
        for (auto const& row : steps[2].rows) all += static_cast<double>(row.bytes - steps[1].of(row.kind).bytes);
        expect.equal(trainer.traffic().total(), all, "nothing else is sent");
        if (world.size() == 2) {  // shards of 48 of 65 numbers: 45 floats and 3 doubles, and 17 doubles
            bool const first = world.rank() == 0;
            double const mine = first ? 45 * 4 + 3 * 8 : 17 * 8, other = first ? 17 * 8 : 45 * 4 + 3 * 8;
            expect.equal(trainer.traffic().of(tutti::collective::send), mine + other, "what a rank sends");
            expect.equal(static_cast<double>(trainer.memory().sync), 2 * (2 * (mine + other) + mine), "what a rank holds");
        }
    });
}
