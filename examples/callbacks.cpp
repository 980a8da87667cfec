// What a training tells of itself, and all that an epoch can be told. Prints a line per epoch.
#include "line.hpp"

#include <tutti/tutti.hpp>

#include <chrono>
#include <cstdio>
#include <vector>

int main() {
    std::vector<point> data;
    for (int i = 0; i < 1000; ++i) {
        float const x = static_cast<float>(i) / 500.f - 1.f;
        data.push_back({x, 3 * x + 2});
    }
    int steps = 0, epochs = 0;
    double last_loss = 1;
    using namespace std::chrono_literals;
    tutti::launch<tutti::comm::threads>({.ranks = 4, .timeout = 30s}, [&](auto& world) {
        tutti::data_parallel_trainer trainer{world, line{}, tutti::partition::shuffled{.seed = 1}, tutti::sync::all_reduce{},
                                             tutti::optim::sgd{.learning_rate = 0.1}};
        if (world.rank() == 0) {
            trainer.after_step([&](tutti::step_report const& step) { steps += step.samples > 0; });
            trainer.after_epoch([&](tutti::epoch_report const& epoch) {
                std::printf(
                    "epoch %d: mean loss %.5f; %zu steps, %zu samples; %.2f ms, of which %.2f communicating; %.0f samples/s\n",
                    static_cast<int>(epoch.epoch), epoch.mean_loss, epoch.steps, epoch.samples, 1000 * epoch.seconds,
                    1000 * epoch.communicating, epoch.samples_per_second());
                last_loss = epoch.mean_loss, ++epochs;
            });
        }
        for (int k = 0; k < 10; ++k) trainer.run_epoch(data, {.batch = 64, .accumulate = 2, .clip_norm = 5.0, .first_step = 0});
    });
    return epochs == 10 && steps == 10 * 16 && last_loss < 0.01 ? 0 : 1;
}
