#pragma once

#include <tutti/collectives/all_reduce.hpp>
#include <tutti/concepts/blocks.hpp>
#include <tutti/concepts/synchronisation.hpp>

#include <cstddef>

namespace tutti::sync {

/// Sums the ranks' gradients in every step, each weighted by its share of the batch: every replica then makes the same update,
/// that of the whole batch's mean. Collective.
/// Cost:   one all_reduce per block of gradients, in place, and one pass over them to weight
/// Order:  rank order: replicas are equal bit for bit; another number of ranks rounds differently
struct all_reduce {
    template <class Comm>
    class bound {
    public:
        bound(Comm& world, all_reduce const& /*settings*/) : world_{&world} {}

        template <class Gradients>
        void contribute(Gradients&& gradients, double weight) {
            if (world_->size() == 1) return;
            for_each_block(gradients, [&](auto block) {
                using T = typename decltype(block)::value_type;
                if (weight != 1)
                    for (T& g : block) g *= static_cast<T>(weight);
                tutti::all_reduce(*world_, block);
            });
        }
        slice owned(std::size_t count) const { return {0, count}; }
        template <class Parameters>
        void publish(Parameters&& /*parameters*/) {}

    private:
        Comm* world_;
    };
};

}  // namespace tutti::sync
