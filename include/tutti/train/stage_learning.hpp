#pragma once

#include <tutti/collectives/all_reduce.hpp>
#include <tutti/concepts/blocks.hpp>
#include <tutti/concepts/model.hpp>
#include <tutti/concepts/synchronisation.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>
#include <tutti/sync/block_store.hpp>
#include <tutti/train/agreement.hpp>
#include <tutti/train/split.hpp>
#include <tutti/train/stage.hpp>
#include <tutti/train/ties.hpp>
#include <tutti/train/update.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace tutti::detail {

/// How the layers of one stage learn: the optimiser with its state, and sums of gradients over micro-batches.
template <class Model, class Optimizer>
class stage_learning {
public:
    explicit stage_learning(Optimizer optimizer) : optimizer_{std::move(optimizer)} {}

    Optimizer const& optimizer() const { return optimizer_; }

    /// Makes room for what is kept of each layer. Local.
    /// @throws usage_error  when gradients and parameters of a layer differ in shape
    void prepare(stage<Model>& mine) {
        mine.for_each_learning([&](auto& layer, auto k) {
            try {
                checked(layer, optimizer_);
            } catch (usage_error const& problem) {
                raise<usage_error>({"tutti: layer ", k(), ": ", std::string_view{problem.what()}.substr(7)});
            }
            kept_[k].slots = optimizer_state(parameters_of(layer), everything, optimizer_.slots());
            kept_[k].sums = block_store{gradients_of(layer), everything};
        });
    }

    // Gradients of micro-batches: cleared, added one after another with their weights, and left in the layers.
    void clear_sums() {
        for (auto& each : kept_) each.sums.clear();
    }
    void add(stage<Model>& mine, double weight) {
        mine.for_each_learning([&](auto& layer, auto k) { add_weighted(kept_[k].sums, gradients_of(layer), weight); });
    }
    void take_sums(stage<Model>& mine) {
        mine.for_each_learning([&](auto& layer, auto k) { copy_blocks(kept_[k].sums, gradients_of(layer)); });
    }

    /// The norm of the gradients of all layers on all ranks, each tie counted once, and what layers split over a group with all its
    /// parts. Collective, also over those groups.
    /// Order:  layer by layer, whatever the number of ranks
    template <class Comm>
    double norm(Comm& world, stage<Model>& mine, bound_ties<Model> const& ties) const {
        std::vector<double> by_layer(Model::count, 0);
        mine.for_each_learning([&](auto& layer, auto k) {
            std::size_t block = 0;
            for_each_block(gradients_of(layer), [&](auto gradient) {
                if (!ties.is_second(k, block) && counts_block(layer, block)) by_layer[k] += sum_of_squares(gradient, everything);
                ++block;
            });
            by_layer[k] = sum_of_parts(layer, by_layer[k]);
        });
        if (world.size() > 1) all_reduce(world, by_layer);  // one number and zeros: nothing is rounded
        double sum = 0;
        for (double const each : by_layer) sum += each;
        return std::sqrt(sum);
    }

    /// Moves the parameters by one step, along the gradients multiplied by `factor`. Local.
    void update(stage<Model>& mine, std::int64_t step, double factor) {
        mine.for_each_learning([&](auto& layer, auto k) {
            update_parameters(optimizer_, step, parameters_of(layer), gradients_of(layer), factor, everything, kept_[k].slots);
        });
    }

    /// The optimiser's state, as bytes.
    std::vector<std::span<std::byte>> state() const {
        std::vector<std::span<std::byte>> all;
        for (auto const& each : kept_)
            for (auto const& store : each.slots.stores)
                for (auto const bytes : store.bytes()) all.push_back(bytes);
        return all;
    }

private:
    static constexpr slice everything{0, std::numeric_limits<std::size_t>::max()};

    struct kept {
        optimizer_slots slots{};
        block_store sums{};
    };

    Optimizer optimizer_;
    // Of every layer; empty where another rank has it, or where it learns nothing.
    std::vector<kept> kept_ = std::vector<kept>(Model::count);
};

}  // namespace tutti::detail
