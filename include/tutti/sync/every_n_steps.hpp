#pragma once

#include <tutti/collectives/all_reduce.hpp>
#include <tutti/concepts/block_form.hpp>
#include <tutti/concepts/blocks.hpp>
#include <tutti/concepts/operation.hpp>
#include <tutti/concepts/step_traffic.hpp>
#include <tutti/concepts/synchronisation.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>
#include <tutti/sync/all_reduce.hpp>
#include <tutti/sync/same_settings.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace tutti::sync {

/// Local SGD: every rank moves by the gradient of its own share, and every n steps the replicas are replaced by their mean. Between
/// these steps they differ, so `evaluate` then takes each rank's own, with the buffers of rank 0; `clip_norm` bounds, and
/// `gradient_norm` tells, each rank's own gradient. With one rank this is that rank's training. Collective in the steps that exchange.
///
/// A gradient counts as its share of the batch does: where n is 1 and the optimiser plain SGD, the steps are those of `all_reduce`, to
/// rounding. What the optimiser keeps, such as momentum, stays each rank's own. Steps are counted from the start of the trainer: to go
/// on as if a training had not stopped, stop after an exchange, and take the steps done off the warm-up.
/// Cost:   one all_reduce per block of parameters, in every n-th step; in the steps before `warm_up` that of `all_reduce`
/// Order:  rank order: replicas are equal bit for bit after a step that exchanges
/// Source: local SGD, Stich 2019, arXiv:1805.09767; the warm-up: Lin et al. 2020, arXiv:1808.07217
struct every_n_steps {
    std::int64_t n = 8;        ///< exchange after every so many steps, from the end of the warm-up on
    std::int64_t warm_up = 0;  ///< so many steps first exchange gradients, as `all_reduce` does

    template <class Comm>
    class bound {
    public:
        /// Collective.
        /// @throws usage_error  on every rank when n is less than 1, warm_up negative, or either differs between ranks
        bound(Comm& world, every_n_steps const& settings)
            : world_{&world},
              n_{settings.n},
              warm_up_{settings.warm_up},
              gradients_{world, {}} {
            using tutti::detail::raise;
            detail::require_same_settings(world, "every_n_steps", std::array{"n", "warm_up"},
                                          std::array{settings.n, settings.warm_up});
            if (settings.n < 1) raise<usage_error>({"tutti: sync::every_n_steps: n = ", settings.n, " must be at least 1"});
            if (settings.warm_up < 0)
                raise<usage_error>({"tutti: sync::every_n_steps: warm_up = ", settings.warm_up, " cannot be negative"});
        }

        template <class Gradients>
        double contribute(Gradients&& gradients, double weight) {
            if (step_ < warm_up_) return gradients_.contribute(gradients, weight);
            return weight * world_->size();
        }
        slice owned(std::size_t count) const { return {0, count}; }
        template <class Parameters>
        void publish(Parameters&& parameters) {
            ++step_;
            if (world_->size() == 1 || step_ <= warm_up_ || (step_ - warm_up_) % n_ != 0) return;
            for_each_block(parameters, [&](auto block) { tutti::all_reduce(*world_, block, average{}); });
        }

        /// The mean of n steps after the warm-up.
        step_traffic traffic(std::span<block_form const> blocks) const {
            step_traffic sum;
            if (world_->size() > 1)
                sum.add(collective::all_reduce, static_cast<double>(bytes_of(blocks)) / static_cast<double>(n_));
            return sum;
        }
        static std::size_t memory(std::span<block_form const> /*blocks*/) { return 0; }

    private:
        Comm* world_;
        std::int64_t n_, warm_up_;
        typename all_reduce::template bound<Comm> gradients_;
        std::int64_t step_ = 0;
    };
};

}  // namespace tutti::sync
