#pragma once

// A right model in device memory, and a right program around it; each misuse changes one thing.

#include <tutti/tutti.hpp>

#include <tutti/comm/with_devices.hpp>
#include <tutti/concepts/device_span.hpp>

#include <vector>

struct mean_on_device {
    tutti::device_span<float> value, slope;
    auto parameters() { return value; }
    auto gradients() { return slope; }
    float loss_and_gradients(auto const&) { return 0; }
};

template <class Comm = tutti::comm::with_devices<tutti::comm::threads>, class Model = mean_on_device,
          class Sync = tutti::sync::all_reduce>
void train(Model model = {}, Sync sync = {}) {
    tutti::launch<Comm>(2, [&](auto& world) {
        tutti::data_parallel_trainer trainer{world, model, tutti::partition::shuffled{}, sync, tutti::optim::sgd{}};
        trainer.run_epoch(std::vector<float>{1, 2, 3}, {.batch = 2});
    });
}
