#pragma once

// A right model whose parameters are split over a group, and a right program around it; each misuse changes one thing.

#include <tutti/tutti.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <type_traits>
#include <vector>

template <class Group>
struct part {
    Group* group;
    std::array<float, 1> factor{1}, slope{};

    auto parameters() { return std::span{factor}; }
    auto gradients() { return std::span{slope}; }
    Group& split_over() const { return *group; }
    static bool is_part(std::size_t) { return true; }
    float loss_and_gradients(auto const&) { return 0; }
    float loss_and_gradients(auto const&, auto announce) {
        announce(0);
        return 0;
    }
};

template <class Sync>
void train_split(Sync policy) {
    tutti::launch<tutti::comm::threads>(4, [&](auto& world) {
        tutti::mesh grid{world, {{"data", 2}, {"tensor", 2}}};
        auto& group = grid.along("tensor");
        using group_type = std::remove_reference_t<decltype(group)>;
        tutti::data_parallel_trainer trainer{grid.along("data"), part<group_type>{&group}, tutti::partition::shuffled{}, policy,
                                             tutti::optim::sgd{}};
        trainer.run_epoch(std::vector<float>{1, 2, 3}, {.batch = 2});
    });
}
