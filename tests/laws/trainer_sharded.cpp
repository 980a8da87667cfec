#include "backends.hpp"
#include "training.hpp"

#include <tutti/collectives/all_reduce.hpp>
#include <tutti/optim/adam.hpp>
#include <tutti/optim/sgd.hpp>
#include <tutti/partition/shuffled.hpp>
#include <tutti/partition/strided.hpp>
#include <tutti/sync/all_reduce.hpp>
#include <tutti/sync/sharded.hpp>
#include <tutti/train/data_parallel_trainer.hpp>

#include <cstddef>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace optim = tutti::optim;
namespace partition = tutti::partition;

namespace {

/// More parameters than a shard's grain has, in blocks that shards cut anywhere.
struct wide {
    std::vector<float> a = std::vector<float>(37, 0.5f), b = std::vector<float>(1), c = std::vector<float>(100, -0.25f);
    std::vector<float> da = a, db = b, dc = c;

    auto parameters() { return std::tuple{std::span{a}, std::span{b}, std::span{c}}; }
    auto gradients() { return std::tuple{std::span{da}, std::span{db}, std::span{dc}}; }
    float loss_and_gradients(auto const& batch) {
        float sum = 0;
        da.assign(a.size(), 0), db.assign(1, 0), dc.assign(c.size(), 0);
        for (laws::point const& each : batch) {
            auto const x = static_cast<float>(each.x), y = static_cast<float>(each.y);
            auto pull = [&](std::vector<float>& numbers, std::vector<float>& slopes, float scale) {
                for (std::size_t i = 0; i < numbers.size(); ++i) {
                    float const error = numbers[i] * x - y * scale / static_cast<float>(i + 1);
                    sum += error * error;
                    slopes[i] += 2 * error * x / static_cast<float>(batch.size());
                }
            };
            pull(a, da, 1), pull(b, db, 2), pull(c, dc, 3);
        }
        return sum / static_cast<float>(batch.size());
    }
};

template <class Sync, class Model, class Optimizer>
std::vector<double> trained(laws::any_communicator& world, Sync sync, Model model, Optimizer optimizer,
                            tutti::epoch_options const& options) {
    tutti::data_parallel_trainer trainer{world, std::move(model), partition::shuffled{.seed = 7}, sync, optimizer};
    auto const data = laws::wave(53);
    for (int epoch = 0; epoch < 3; ++epoch) trainer.run_epoch(data, options);
    return laws::values_of(trainer.model());
}

template <class Model, class Optimizer>
void same_as_whole(Model const& model, Optimizer const& optimizer, tutti::epoch_options const& options) {
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        auto const whole = trained(world, tutti::sync::all_reduce{}, model, optimizer, options);
        auto const sharded = trained(world, tutti::sync::sharded<1>{}, model, optimizer, options);
        // Sums are rounded in the same order where that is the ranks'; the norm is not.
        bool const exact = world.folds_rank_by_rank() && options.clip_norm == 0;
        expect.close(laws::largest_difference(whole, sharded), 0, exact ? 0 : 1e-5, "sharded against whole");
    });
}

}  // namespace

TEST_CASE("a sharded optimiser makes the same parameters as a replicated one, bit for bit") {
    auto const momentum = optim::sgd{.learning_rate = 0.05, .momentum = 0.9, .weight_decay = 0.01};
    same_as_whole(laws::line<double>{}, momentum, {.batch = 8});
    same_as_whole(laws::network<float>{}, optim::adam{.learning_rate = 0.02}, {.batch = 9});
    same_as_whole(wide{}, momentum, {.batch = 8});
    same_as_whole(wide{}, optim::adam{.learning_rate = 0.02}, {.batch = 10, .accumulate = 2});
    same_as_whole(wide{}, momentum, {.batch = 7, .clip_norm = 0.5});
    same_as_whole(laws::line<double>{}, momentum, {.batch = 7, .clip_norm = 0.1});  // all of it in one rank's shard
}

TEST_CASE("shards cover the parameters once, and differ by less than a grain from even ones") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        using comm = std::remove_reference_t<decltype(world)>;
        tutti::sync::sharded<1>::bound<comm> const state{world, {}};
        for (std::size_t const count : {0UL, 1UL, 15UL, 16UL, 17UL, 100UL, 1000UL, 10'007UL}) {
            auto const mine = state.owned(count);
            expect(mine.size() <= count / static_cast<std::size_t>(world.size()) + 16, "no shard is much larger than an even one");
            std::vector<int> owners(count);
            for (std::size_t i = mine.first; i < mine.last; ++i) ++owners[i];
            tutti::all_reduce(world, owners);
            expect.all(owners, [](std::size_t) { return 1; }, "owners of a parameter");
        }
    });
}
