#pragma once

#include "check.hpp"

#include <tutti/device/buffer.hpp>
#include <tutti/device/training.hpp>
#include <tutti/tutti.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <tuple>
#include <type_traits>
#include <vector>

// A model in device memory and its twin in the host's, and a training of either.

struct sample {
    float x, y;
};

/// y = tanh(a x + b) . c, of 3 units; in blocks a and b, and c.
template <bool on_device>
class model {
public:
    model() {
        for (std::size_t k = 0; k < 6; ++k) at(weights_)[k] = 0.1f * static_cast<float>(k + 1);
        for (std::size_t k = 0; k < 3; ++k) at(last_)[k] = 0.3f - 0.2f * static_cast<float>(k);
    }
    auto parameters() { return std::tuple{block(weights_), block(last_)}; }
    auto gradients() { return std::tuple{block(weight_slopes_), block(last_slopes_)}; }
    float loss_and_gradients(auto const& batch) {
        float loss = 0, *const da = at(weight_slopes_), *const dc = at(last_slopes_);
        for (std::size_t k = 0; k < 6; ++k) da[k] = 0, dc[k % 3] = 0;
        float const share = 1 / static_cast<float>(batch.size());
        for (sample const& each : batch) {
            std::array<float, 3> const h = hidden(each.x);
            float const error = value(h) - each.y;
            loss += error * error * share;
            for (std::size_t k = 0; k < 3; ++k) {
                dc[k] += 2 * error * share * h[k];
                float const slope = 2 * error * share * at(last_)[k] * (1 - h[k] * h[k]);
                da[k] += slope * each.x, da[k + 3] += slope;
            }
        }
        return loss;
    }
    double loss(auto const& batch) {
        double sum = 0;
        for (sample const& each : batch) sum += std::pow(value(hidden(each.x)) - each.y, 2);
        return sum / static_cast<double>(batch.size());
    }
    std::vector<float> all() {
        std::vector<float> numbers(at(weights_), at(weights_) + 6);
        numbers.insert(numbers.end(), at(last_), at(last_) + 3);
        return numbers;
    }

private:
    struct host_buffer {
        explicit host_buffer(std::size_t size) : numbers(size) {}
        float* data() { return numbers.data(); }
        std::span<float> span() { return numbers; }
        std::vector<float> numbers;
    };
    using buffer = std::conditional_t<on_device, tutti::device_buffer<float>, host_buffer>;
    static float* at(buffer& of) { return of.data(); }
    static auto block(buffer& of) { return of.span(); }
    std::array<float, 3> hidden(float x) {
        std::array<float, 3> h{};
        for (std::size_t k = 0; k < 3; ++k) h[k] = std::tanh(at(weights_)[k] * x + at(weights_)[k + 3]);
        return h;
    }
    float value(std::array<float, 3> const& h) {
        float sum = 0;
        for (std::size_t k = 0; k < 3; ++k) sum += at(last_)[k] * h[k];
        return sum;
    }

    buffer weights_{std::size_t{6}}, last_{std::size_t{3}}, weight_slopes_{std::size_t{6}}, last_slopes_{std::size_t{3}};
};

inline std::vector<sample> const samples = [] {
    std::vector<sample> all;
    for (int k = 0; k < 37; ++k) all.push_back({static_cast<float>(k) / 18 - 1, std::sin(static_cast<float>(k) / 6)});
    return all;
}();

struct outcome {
    std::vector<float> parameters;
    double loss = 0, step_loss = 0, evaluated = 0, norm = 0, bytes = 0;
    std::size_t memory = 0;
    bool operator==(outcome const&) const = default;
};

template <class Comm, bool on_device, class Optimizer>
outcome train(int ranks, tutti::epoch_options const& options, Optimizer optimizer) {
    outcome found;
    tutti::launch<Comm>(ranks, [&](auto& world) {
        tutti::data_parallel_trainer trainer{world, model<on_device>{}, tutti::partition::shuffled{.seed = 3},
                                             tutti::sync::all_reduce{}, optimizer};
        outcome mine;
        trainer.after_step([&](auto const& step) { mine.norm = std::max(mine.norm, step.gradient_norm); });
        for (int epoch = 0; epoch < 3; ++epoch)
            mine.loss = trainer.run_epoch(samples, options).mean_loss;
        std::size_t const few = static_cast<std::size_t>(world.rank()) % 2;  // some ranks bring nothing, rank 1 does
        mine.step_loss = trainer.step(std::span{samples}.first(few + (ranks == 1))).mean_loss;
        mine.evaluated = trainer.evaluate(samples);
        mine.parameters = trainer.model().all();
        mine.bytes = trainer.traffic().total();
        mine.memory = trainer.memory().total();
        check(trainer.replicas_agree(), "replicas agree");
        if (world.rank() == 0) found = mine;
    });
    return found;
}
