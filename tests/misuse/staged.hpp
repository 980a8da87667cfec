#pragma once

// A right model in layers and a right program around it; each misuse changes one thing.

#include <tutti/tutti.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <vector>

using row = std::vector<float>;

struct entry {  // the first layer
    struct saved {};
    static row forward(auto const& batch, saved&) {
        row x;
        for (float const each : batch) x.push_back(each);
        return x;
    }
    static void backward(row const&, saved&) {}
};

struct scale {
    struct saved { row x; };
    std::array<float, 1> factor{1}, slope{};
    auto parameters() { return std::span{factor}; }
    auto gradients() { return std::span{slope}; }
    row forward(row x, saved& kept) {
        kept.x = x;
        for (float& each : x) each *= factor[0];
        return x;
    }
    row backward(row dy, saved& kept) {
        slope = {};
        for (std::size_t i = 0; i < dy.size(); ++i) slope[0] += dy[i] * kept.x[i], dy[i] *= factor[0];
        return dy;
    }
};

struct squares {
    float operator()(row const& y, auto const&, row& dy) const {
        dy = y;
        return 0;
    }
};

template <class Model, class Cuts = tutti::partition::layers, class Schedule = tutti::pipeline::gpipe>
void train_in_stages(Model model, Cuts cuts = {}, Schedule schedule = {}) {
    tutti::launch<tutti::comm::threads>(2, [&](auto& world) {
        tutti::model_parallel_trainer trainer{world, model, tutti::partition::shuffled{}, cuts, schedule, tutti::optim::sgd{}};
        trainer.run_epoch(row{1, 2, 3}, {.batch = 2});
    });
}

template <class Layer>
void train_with(Layer) {
    train_in_stages(tutti::layers{[] { return entry{}; }, [] { return Layer{}; }, [] { return scale{}; }, squares{}});
}

/// Two copies of the model, which exchange what the policy says.
template <class Policy>
void train_copies(Policy policy) {
    tutti::launch<tutti::comm::threads>(2, [&](auto& world) {
        tutti::mesh grid{world, {{"data", 2}, {"stages", 1}}};
        tutti::model_parallel_trainer trainer{grid.along("stages"), tutti::layers{[] { return entry{}; }, [] { return scale{}; }, squares{}},
                                              tutti::partition::shuffled{}, tutti::partition::layers{},
                                              tutti::pipeline::gpipe{}, tutti::optim::sgd{},
                                              tutti::replicas{grid.along("data"), policy}};
        trainer.run_epoch(row(4));
    });
}
