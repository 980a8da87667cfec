#pragma once

// A right model and a right program around it; each misuse changes one thing.

#include <tutti/tutti.hpp>

#include <array>
#include <span>
#include <vector>

struct mean {
    std::array<float, 1> value{}, slope{};
    auto parameters() { return std::span{value}; }
    auto gradients() { return std::span{slope}; }
    float loss_and_gradients(auto const& batch) {
        slope = {};
        for (float const x : batch) slope[0] += 2 * (value[0] - x) / static_cast<float>(batch.size());
        return 0;
    }
};

template <class Model, class Data = std::vector<float>, class Partition = tutti::partition::shuffled,
          class Sync = tutti::sync::all_reduce, class Optimizer = tutti::optim::sgd>
void train(Model model, Data data = {1, 2, 3}, Partition partition = {}, Sync sync = {}, Optimizer optimizer = {}) {
    tutti::launch<tutti::comm::threads>(2, [&](auto& world) {
        tutti::data_parallel_trainer trainer{world, model, partition, sync, optimizer};
        trainer.run_epoch(data, {.batch = 2});
    });
}
