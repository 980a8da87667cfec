// The gradients of the last layers travel while those of the first are computed: a model that announces its gradients, and the
// synchronisation policy that listens. The result is that of exchanging them afterwards, bit for bit.
#include <tutti/tutti.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <span>
#include <vector>

/// y = w[n-1] * ... * w[0] * x, entry by entry: layers of one vector each.
struct chain {
    static constexpr std::size_t layers = 4, width = 2000;
    std::vector<std::vector<float>> w = std::vector(layers, std::vector(width, 1.1f)), slope = w;

    auto parameters() { return std::vector<std::span<float>>(w.begin(), w.end()); }
    auto gradients() { return std::vector<std::span<float>>(slope.begin(), slope.end()); }

    double loss_and_gradients(auto const& batch, auto const& announce) {
        for (auto& each : slope) std::fill(each.begin(), each.end(), 0.0f);
        auto const samples = static_cast<float>(batch.size());
        std::vector<float> error(width, 0.0f);  // d loss / d y, times x
        double loss = 0;
        for (float const x : batch)
            for (std::size_t i = 0; i < width; ++i) {
                float const off = product(i, layers) * x - 3 * x;
                error[i] += off * x / samples / width;
                loss += static_cast<double>(off * off / 2 / samples / width);
            }
        for (std::size_t layer = layers; layer-- > 0;) {
            for (std::size_t i = 0; i < width; ++i) slope[layer][i] = error[i] * product(i, layer);
            announce(layer);  // final: it is on its way while the next is computed
            for (std::size_t i = 0; i < width; ++i) error[i] *= w[layer][i];
        }
        return loss;
    }

private:
    /// Of the first so many layers.
    float product(std::size_t i, std::size_t count) const {
        float all = 1;
        for (std::size_t layer = 0; layer < count; ++layer) all *= w[layer][i];
        return all;
    }
};

template <class Sync>
std::vector<std::vector<float>> trained(Sync sync) {
    std::vector<float> data;
    for (float x = 0.5f; x < 1.5f; x += 0.01f) data.push_back(x);
    std::vector<std::vector<float>> found;
    tutti::launch<tutti::comm::threads>(3, [&](auto& world) {
        tutti::data_parallel_trainer trainer{world, chain{}, tutti::partition::shuffled{.seed = 1}, sync,
                                             tutti::optim::sgd{.learning_rate = 20}};
        for (int epoch = 0; epoch < 10; ++epoch) trainer.run_epoch(data, {.batch = 20});
        if (world.rank() == 0) found = trainer.model().w;
    });
    return found;
}

int main() try {
    auto const afterwards = trained(tutti::sync::all_reduce{});
    auto const meanwhile = trained(tutti::sync::bucketed{.first_bytes = 4000, .bytes = 16000});
    double product = 1;
    for (auto const& layer : meanwhile) product *= static_cast<double>(layer[0]);
    bool const same = afterwards == meanwhile;
    std::printf("y = %.3f x; exchanged during the pass or after it: %s\n", product, same ? "the same bits" : "NOT the same");
    return same && std::abs(product - 3) < 1e-2 ? 0 : 1;
} catch (std::exception const& problem) {
    std::fprintf(stderr, "overlap: %s\n", problem.what());
    return 1;
}
