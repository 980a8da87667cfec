#pragma once

#include "../digits/data.hpp"

#include <tutti/adapt/torch.hpp>
#include <tutti/tutti.hpp>

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <vector>

namespace torch_digits {

struct settings {
    std::size_t epochs = 20, batch = 64;
    double learning_rate = 0.05, momentum = 0.9;
};

/// A small convolutional net: 8 x 8 pixels to 10 scores.
struct net_impl : torch::nn::Cloneable<net_impl> {
    net_impl() { reset(); }
    void reset() override {
        convolution = register_module("convolution", torch::nn::Conv2d{torch::nn::Conv2dOptions{1, 16, 3}.padding(1)});
        hidden = register_module("hidden", torch::nn::Linear{16 * 4 * 4, 64});
        scores = register_module("scores", torch::nn::Linear{64, 10});
    }
    torch::Tensor forward(torch::Tensor x) {
        x = torch::max_pool2d(torch::relu(convolution(x)), 2).flatten(1);
        return scores(torch::relu(hidden(x)));
    }
    torch::nn::Conv2d convolution{nullptr};
    torch::nn::Linear hidden{nullptr}, scores{nullptr};
};
using net = std::shared_ptr<net_impl>;

inline net copy_of(net const& other) { return std::dynamic_pointer_cast<net_impl>(other->clone()); }

struct batch {
    torch::Tensor images, labels;
};

/// Rows of two tensors: what tutti's trainer takes as a data set.
struct digits {
    torch::Tensor images, labels;

    explicit digits(std::vector<::digits::sample> const& samples) {
        auto const n = static_cast<std::int64_t>(samples.size());
        images = torch::empty({n, 1, 8, 8});
        labels = torch::empty({n}, torch::kInt64);
        for (std::size_t row = 0; row < samples.size(); ++row) {
            std::copy(samples[row].pixels.begin(), samples[row].pixels.end(), images.data_ptr<float>() + row * 64);
            labels.data_ptr<std::int64_t>()[row] = samples[row].label;
        }
    }
    std::size_t size() const { return static_cast<std::size_t>(labels.size(0)); }
    torch_digits::batch batch(std::span<std::size_t const> rows) const {
        std::vector<std::int64_t> const chosen(rows.begin(), rows.end());
        auto const index = torch::tensor(chosen);
        return {images.index_select(0, index), labels.index_select(0, index)};
    }
};

inline torch::Tensor loss_of(net const& model, batch const& on) {
    return torch::nn::functional::cross_entropy(model->forward(on.images), on.labels);
}

inline double accuracy_of(net const& model, batch const& on) {
    torch::NoGradGuard const without_gradients;
    return model->forward(on.images).argmax(1).eq(on.labels).to(torch::kFloat64).mean().item<double>();
}

/// The loss of every epoch by LibTorch alone, in one process, on whole batches.
inline std::vector<double> losses_alone(net const& start, digits const& data, settings const& by) {
    auto const model = copy_of(start);
    torch::optim::SGD optimizer{model->parameters(), torch::optim::SGDOptions{by.learning_rate}.momentum(by.momentum)};
    std::vector<double> losses;
    for (std::size_t epoch = 0; epoch < by.epochs; ++epoch) {
        double sum = 0;
        for (std::size_t first = 0; first < data.size(); first += by.batch) {
            std::vector<std::size_t> rows;
            for (std::size_t row = first; row < std::min(data.size(), first + by.batch); ++row) rows.push_back(row);
            optimizer.zero_grad();
            auto const loss = loss_of(model, data.batch(rows));
            loss.backward();
            optimizer.step();
            sum += loss.item<double>() * static_cast<double>(rows.size());
        }
        losses.push_back(sum / static_cast<double>(data.size()));
    }
    return losses;
}

/// Trains on the ranks of `Comm`, and returns 0 if every epoch's loss is that of one process, and the net has learnt.
template <class Comm>
int run() {
    torch::set_num_threads(1);  // ranks are what runs in parallel
    torch::manual_seed(1);
    settings const by;
    auto const split = ::digits::hold_out(::digits::read(DIGITS_CSV));
    digits const training{split.training}, held_out{split.held_out};
    auto const start = std::make_shared<net_impl>();
    auto const alone = losses_alone(start, training, by);

    bool good = true;
    tutti::launch<Comm>([&](auto& world) {
        tutti::adapt::torch_model model{copy_of(start), loss_of};
        tutti::data_parallel_trainer trainer{world, std::move(model), tutti::partition::strided{}, tutti::sync::all_reduce{},
                                             tutti::optim::sgd{.learning_rate = by.learning_rate, .momentum = by.momentum}};
        for (std::size_t epoch = 0; epoch < by.epochs; ++epoch) {
            double const loss = trainer.run_epoch(training, {.batch = by.batch}).mean_loss;
            bool const same = std::abs(loss - alone[epoch]) < 1e-3 * (1 + alone[epoch]);
            if (world.rank() != 0) continue;
            std::printf("epoch %zu  loss %.5f on %d ranks, %.5f in one process\n", epoch + 1, loss, world.size(), alone[epoch]);
            good = good && same;
        }
        double const accuracy = trainer.evaluate(held_out, {.batch = 256}, [](auto& trained, batch const& on) {
            return accuracy_of(trained.net(), on);
        });
        if (world.rank() != 0) return;
        std::printf("held-out accuracy %.1f %%\n", 100 * accuracy);
        good = good && accuracy > 0.95;
    });
    return good ? 0 : 1;
}

}  // namespace torch_digits
