// A model in device memory trains as its twin in the host's does: on an emulated device, which every machine has.
#include "check.hpp"
#include "emulation.hpp"

#include <tutti/device/buffer.hpp>
#include <tutti/device/training.hpp>
#include <tutti/tutti.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <tuple>
#include <vector>

using tutti::comm::threads;

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

std::vector<sample> const samples = [] {
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
outcome train(int ranks, std::size_t batch, double clip_norm, Optimizer optimizer) {
    outcome found;
    tutti::launch<Comm>(ranks, [&](auto& world) {
        tutti::data_parallel_trainer trainer{world, model<on_device>{}, tutti::partition::shuffled{.seed = 3},
                                             tutti::sync::all_reduce{}, optimizer};
        outcome mine;
        trainer.after_step([&](auto const& step) { mine.norm = std::max(mine.norm, step.gradient_norm); });
        for (int epoch = 0; epoch < 3; ++epoch)
            mine.loss = trainer.run_epoch(samples, {.batch = batch, .clip_norm = clip_norm}).mean_loss;
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

bool near(outcome const& a, outcome const& b) {
    bool same = std::abs(a.norm - b.norm) < 1e-5 && std::abs(a.loss - b.loss) < 1e-5;
    for (std::size_t k = 0; k < a.parameters.size(); ++k) same = same && std::abs(a.parameters[k] - b.parameters[k]) < 1e-5f;
    return same;
}

template <class Optimizer>
void compare(Optimizer optimizer) {
    for (int const ranks : {1, 2, 3, 4})
        for (std::size_t const batch : std::array<std::size_t, 3>{2, 8, 37}) {
            auto const there = train<emulated, true>(ranks, batch, 0, optimizer),
                       here = train<threads, false>(ranks, batch, 0, optimizer);
            check(there == here, "the device's training is the host's, bit for bit: uneven shares, and ranks without a sample");
            check(near(train<emulated, true>(ranks, batch, 0.01, optimizer), train<threads, false>(ranks, batch, 0.01, optimizer)),
                  "and to rounding where norms are bounded");
        }
}

int main() {
    compare(tutti::optim::sgd{.learning_rate = 0.1});
    compare(tutti::optim::sgd{.learning_rate = 0.1, .momentum = 0.9});
    compare(tutti::optim::adamw{});
    check(train<emulated, false>(3, 8, 0, tutti::optim::sgd{}) == train<threads, false>(3, 8, 0, tutti::optim::sgd{}),
          "a model on the host trains there as before");

    static_assert(tutti::communicator<emulated> && tutti::reaches<emulated>(tutti::memory_space::host) &&
                  tutti::reaches<emulated>(tutti::memory_space::device) && tutti::communicator<tutti::comm::with_devices<threads>>);
    std::atomic<int> told{0};
    tutti::launch<emulated>([&](emulated& world) {
        check(world.size() == 2, "as many thread ranks as devices");
        tutti::data_parallel_trainer trainer{world, model<true>{}, tutti::partition::block{}, tutti::sync::all_reduce{},
                                             tutti::optim::sgd{}};
        auto const before = trainer.model().all();
        check_throws<tutti::usage_error>([&] { trainer.run_epoch(samples, {.batch = 8, .accumulate = 2}); }, "accumulate = 2",
                                         "accumulation is refused");
        check(trainer.model().all() == before, "and changes nothing");
        trainer.run_epoch(samples, {.batch = 8});

        int const passed = world.devices().performed();
        tutti::device_buffer<float> there{std::span<float const>{std::array{1.f, 2.f}}};
        check(tutti::all_reduce(world, 1) == 2 && world.devices().performed() == passed, "what is on the host travels there");
        tutti::all_reduce(world, there);
        check(there.data()[1] == 4 && world.devices().performed() == passed + 1, "what is on a device travels there");
        tutti::device_buffer<float> from{2};
        tutti::exchange(world, there, 1 - world.rank(), from, 1 - world.rank());
        check(from.data()[0] == 2 && world.devices().performed() == passed + 2, "and so do messages");
        check_throws<tutti::usage_error>([&] { tutti::all_reduce(world, there, std::plus<>{}, tutti::algorithm::ring{}); },
                                         "leave the algorithm out", "schedules on device memory are refused");
    });
    check_throws<tutti::collective_mismatch>(
        [&] {
            tutti::launch<emulated>(2, [&](emulated& world) {
                tutti::device_buffer<float> there{std::span<float const>{std::array{1.f, 2.f}}};
                std::array<float, 2> here{1, 2};
                try {
                    if (world.rank() == 0) tutti::all_reduce(world, here);
                    else tutti::all_reduce(world, there);
                } catch (tutti::collective_mismatch const&) {
                    ++told;
                    throw;
                }
            });
        },
        "all_reduce", "ranks that bring elements of different memories are told");
    check(told == 2, "all of them");
    return broken != 0;
}
