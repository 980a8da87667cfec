// Sends less than the gradients: codecs of tutti's, one of our own, and what each costs in bytes and in loss.
#include <tutti/tutti.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <tuple>
#include <vector>

namespace codec = tutti::sync::codec;

namespace {

constexpr std::size_t inputs = 24, outputs = 16;

struct sample {
    std::array<float, inputs> x;
    std::array<float, outputs> y;
};

struct linear {
    std::vector<float> w = std::vector<float>(outputs * inputs), dw = w, b = std::vector<float>(outputs), db = b;

    auto parameters() { return std::tuple{std::span{w}, std::span{b}}; }
    auto gradients() { return std::tuple{std::span{dw}, std::span{db}}; }
    std::array<tutti::block_shape, 2> shapes() const { return {{{outputs, inputs}, {outputs, 1}}}; }  // a matrix, a vector
    float loss_and_gradients(auto const& batch) {
        dw.assign(w.size(), 0), db.assign(outputs, 0);
        float loss = 0;
        float const share = 1 / static_cast<float>(batch.size() * outputs);
        for (sample const& each : batch)
            for (std::size_t i = 0; i < outputs; ++i) {
                float error = b[i] - each.y[i];
                for (std::size_t j = 0; j < inputs; ++j) error += w[i * inputs + j] * each.x[j];
                loss += error * error * share;
                db[i] += 2 * error * share;
                for (std::size_t j = 0; j < inputs; ++j) dw[i * inputs + j] += 2 * error * each.x[j] * share;
            }
        return loss;
    }
};

std::vector<sample> measurements() {
    std::vector<sample> data(256);
    for (std::size_t k = 0; k < data.size(); ++k) {
        auto& [x, y] = data[k];
        for (std::size_t j = 0; j < inputs; ++j) x[j] = std::sin(static_cast<float>((k + 1) * (j + 1)) * 0.7f);
        for (std::size_t i = 0; i < outputs; ++i) {
            y[i] = static_cast<float>(i) / outputs;
            for (std::size_t j = 0; j < inputs; ++j) y[i] += std::cos(static_cast<float>(i * j)) * x[j];
        }
    }
    return data;
}

/// Numbers travel as their signs, and as their mean size.
struct signs {
    static void check() {}
    static std::array<double, 1> settings() { return {0}; }
    static tutti::step_traffic traffic(tutti::block_form const& block, int ranks) {
        tutti::step_traffic sum;
        sum.add(tutti::collective::all_gather, static_cast<double>(ranks) * static_cast<double>(block.count() + sizeof(float)));
        return sum;
    }
    static std::size_t memory(tutti::block_form const& block, int ranks) {
        return static_cast<std::size_t>(ranks) * (block.count() + sizeof(float));
    }

    class state {
    public:
        state(signs const&, tutti::block_form const& block, int ranks)
            : signs_(static_cast<std::size_t>(ranks) * block.count()), sizes_(static_cast<std::size_t>(ranks)) {}

        template <class Comm, class T>
        void exchange(Comm& world, std::span<T> numbers, std::span<T> rest) {
            std::size_t const n = numbers.size(), mine = static_cast<std::size_t>(world.rank());
            float sum = 0;
            for (T const x : numbers) sum += std::abs(static_cast<float>(x));
            sizes_[mine] = n == 0 ? 0 : sum / static_cast<float>(n);
            for (std::size_t i = 0; i < n; ++i) signs_[mine * n + i] = numbers[i] < 0 ? -1 : 1;
            for (std::size_t i = 0; i < rest.size(); ++i)
                rest[i] = numbers[i] - static_cast<T>(sizes_[mine]) * signs_[mine * n + i];
            tutti::all_gather(world, std::span{sizes_}.subspan(mine, 1), sizes_);
            tutti::all_gather(world, std::span{signs_}.subspan(mine * n, n), signs_);
            for (std::size_t i = 0; i < n; ++i) {
                numbers[i] = 0;
                for (std::size_t k = 0; k < sizes_.size(); ++k) numbers[i] += static_cast<T>(sizes_[k]) * signs_[k * n + i];
            }
        }

    private:
        std::vector<std::int8_t> signs_;
        std::vector<float> sizes_;
    };
};

double train(char const* name, auto policy) {
    auto const data = measurements();
    double result = 0;
    tutti::launch<tutti::comm::threads>(3, [&](auto& world) {
        tutti::data_parallel_trainer trainer{world, linear{}, tutti::partition::shuffled{}, policy,
                                             tutti::optim::sgd{.learning_rate = 0.3}};
        double loss = 0;
        for (int epoch = 0; epoch < 60; ++epoch) loss = trainer.run_epoch(data, {.batch = 32}).mean_loss;
        if (world.rank() != 0) return;
        std::printf("%-12s %6.0f bytes per step, %6zu bytes held, of which %zu by the policy; loss %.4f\n", name,
                    trainer.traffic().total(), trainer.memory().total(), trainer.memory().sync, loss);
        result = loss;
    });
    return result;
}

}  // namespace

int main() {
    tutti::sync::compressed policy{codec::error_feedback{codec::power_sgd{.rank = 1}}, 4};  // after 4 exact steps
    bool const all_learn = train("all_reduce", tutti::sync::all_reduce{}) < 0.02 &&
                           train("half", tutti::sync::compressed{codec::half{}}) < 0.02 &&
                           train("top_k", tutti::sync::compressed{codec::error_feedback{codec::top_k{.share = 0.05}}}) < 0.04 &&
                           train("power_sgd", policy) < 0.04 &&
                           train("signs", tutti::sync::compressed{codec::error_feedback{signs{}}}) < 0.04;
    return all_learn ? 0 : 1;
}
