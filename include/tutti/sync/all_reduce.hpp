#pragma once

#include <tutti/collectives/all_reduce.hpp>
#include <tutti/concepts/block_form.hpp>
#include <tutti/concepts/blocks.hpp>
#include <tutti/concepts/memory_space.hpp>
#include <tutti/concepts/step_traffic.hpp>
#include <tutti/concepts/synchronisation.hpp>
#include <tutti/sync/device_work.hpp>

#include <cmath>
#include <cstddef>
#include <span>

namespace tutti::sync {
namespace detail {

/// Whether a rank's gradients are to be multiplied by the ratio of its share of the batch to an even one.
inline bool needs_weight(double ratio) { return std::abs(ratio - 1) > 1e-14; }

template <class Comm, class Gradients>
void multiply(Comm& world, Gradients&& gradients, double factor) {
    if constexpr (tutti::detail::any_block_in<memory_space::device, Gradients>())
        tutti::detail::required_device_work<Comm>::type::multiply(world, gradients, factor);
    else
        for_each_block(gradients, [&](auto block) {
            using T = typename decltype(block)::value_type;
            for (T& g : block) g *= static_cast<T>(factor);
        });
}

/// Prepares gradients, of this rank's share of the batch, to be summed: multiplies them by the ratio of that share to an even one.
/// Returns what their sum is to be multiplied by. Where shares are even there is nothing to do but that.
template <class Comm, class Gradients>
double weigh(Comm& world, Gradients&& gradients, double weight) {
    double const ratio = weight * world.size();
    if (needs_weight(ratio)) multiply(world, gradients, ratio);
    return 1.0 / world.size();
}

}  // namespace detail

/// Sums the ranks' gradients in every step, each weighted by its share of the batch: every replica then makes the same update,
/// that of the whole batch's mean. Collective.
/// Cost:   one all_reduce per block of gradients, in place; where shares are uneven, one pass over them to weight
/// Order:  rank order: replicas are equal bit for bit; another number of ranks rounds differently
struct all_reduce {
    static constexpr bool takes_device_blocks = true;

    template <class Comm>
    class bound {
    public:
        bound(Comm& world, all_reduce const& /*settings*/) : world_{&world} {}

        template <class Gradients>
        double contribute(Gradients&& gradients, double weight) {
            if (world_->size() == 1) return 1;
            double const factor = detail::weigh(*world_, gradients, weight);
            for_each_block(gradients, [&](auto block) { tutti::all_reduce(*world_, block); });
            return factor;
        }
        slice owned(std::size_t count) const { return {0, count}; }
        template <class Parameters>
        void publish(Parameters&& /*parameters*/) {}

        step_traffic traffic(std::span<block_form const> blocks) const {
            step_traffic sum;
            if (world_->size() > 1) sum.add(collective::all_reduce, static_cast<double>(bytes_of(blocks)));
            return sum;
        }
        static std::size_t memory(std::span<block_form const> /*blocks*/) { return 0; }

    private:
        Comm* world_;
    };
};

}  // namespace tutti::sync
