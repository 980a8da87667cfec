#pragma once

#include <tutti/collectives/all_gather.hpp>
#include <tutti/collectives/all_reduce.hpp>
#include <tutti/concepts/block_form.hpp>
#include <tutti/concepts/blocks.hpp>
#include <tutti/concepts/codec.hpp>
#include <tutti/concepts/step_traffic.hpp>
#include <tutti/concepts/synchronisation.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/detail/to_text.hpp>
#include <tutti/error.hpp>
#include <tutti/sync/all_reduce.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tutti::sync {

/// Sums the ranks' gradients in every step as `all_reduce` does, but sends fewer bytes: what a codec makes of them, so that the sum
/// is near the whole batch's gradient. The updates of all replicas are the same. With one rank nothing is lost. Collective.
/// @tparam Codec  of `sync::codec`, or your own: see tutti/concepts/codec.hpp
/// Cost:   that of the codec per block, every block in calls of its own; the trainer's `traffic()` and `memory()` say how much
/// Order:  rank order: replicas are equal bit for bit; another number of ranks trains differently, by more than rounding
template <class Codec>
struct compressed {
    static_assert(gradient_codec<Codec>, "tutti: sync::compressed around what is no codec, such as tutti::sync::codec::half; see "
                                         "tutti/concepts/codec.hpp");
    static constexpr bool needs_shapes = tutti::needs_shapes<Codec>;

    Codec codec{};
    std::int64_t warm_up = 0;  ///< so many steps first exchange gradients exactly, as `all_reduce` does

    template <class Comm>
    class bound {
        static_assert(exchanges_on<Codec, Comm>, "tutti: the codec of sync::compressed cannot exchange: its state needs "
                                                 "exchange(world, numbers, rest); see tutti/concepts/codec.hpp");

    public:
        /// Collective.
        /// @throws usage_error  on every rank when a setting makes no sense or differs between ranks
        bound(Comm& world, compressed const& settings)
            : world_{&world},
              codec_{settings.codec},
              warm_up_{settings.warm_up},
              exact_{world, {}} {
            compare_settings();
            codec_.check();
            if (warm_up_ < 0)
                tutti::detail::raise<usage_error>({"tutti: sync::compressed: warm_up = ", warm_up_, " cannot be negative"});
        }

        /// Makes room for what the codec keeps of every block. Local.
        void prepare(std::span<block_form const> blocks) {
            if (world_->size() == 1) return;
            states_.reserve(blocks.size());
            for (block_form const& each : blocks) states_.emplace_back(codec_, each, world_->size());
        }
        template <class Gradients>
        double contribute(Gradients&& gradients, double weight) {
            if (world_->size() == 1) return 1;
            if (step_ < warm_up_) return exact_.contribute(gradients, weight);
            double const factor = detail::weigh(*world_, gradients, weight);
            std::size_t index = 0;
            for_each_block(gradients, [&](auto block) {
                using T = typename decltype(block)::value_type;
                static_assert(std::floating_point<T>,
                              "tutti: sync::compressed takes gradients that are floating-point numbers; for others use "
                              "tutti::sync::all_reduce");
                states_.at(index++).exchange(*world_, std::span<T>{block}, std::span<T>{});
            });
            return factor;
        }
        slice owned(std::size_t count) const { return {0, count}; }
        template <class Parameters>
        void publish(Parameters&& /*parameters*/) {
            ++step_;
        }

        /// Of a step after the warm-up.
        step_traffic traffic(std::span<block_form const> blocks) const {
            step_traffic sum;
            if (world_->size() == 1) return sum;
            for (block_form const& each : blocks)
                for (auto const& row : codec_.traffic(each, world_->size()).rows) sum.add(row.kind, row.bytes);
            return sum;
        }
        std::size_t memory(std::span<block_form const> blocks) const {
            std::size_t sum = 0;
            if (world_->size() == 1) return sum;
            for (block_form const& each : blocks) sum += codec_.memory(each, world_->size());
            return sum;
        }

    private:
        void compare_settings() {
            std::vector<double> mine;
            for (auto const each : codec_.settings()) mine.push_back(static_cast<double>(each));
            mine.push_back(static_cast<double>(warm_up_));
            std::vector<double> all(mine.size() * static_cast<std::size_t>(world_->size()));
            tutti::all_gather(*world_, mine, all);
            for (std::size_t k = 0; k < all.size(); ++k) {
                double const first = all[k % mine.size()];
                if (all[k] == first || (all[k] != all[k] && first != first)) continue;
                bool const of_codec = k % mine.size() + 1 < mine.size();
                tutti::detail::raise<usage_error>({"tutti: sync::compressed: ", of_codec ? "a setting of the codec" : "warm_up",
                                                   " is ", tutti::detail::to_text(first), " on rank 0 and ",
                                                   tutti::detail::to_text(all[k]), " on rank ", k / mine.size()});
            }
        }

        Comm* world_;
        Codec codec_;
        std::int64_t warm_up_;
        typename all_reduce::template bound<Comm> exact_;
        std::vector<typename Codec::state> states_;  // by block
        std::int64_t step_ = 0;
    };
};

template <class Codec>
compressed(Codec) -> compressed<Codec>;
template <class Codec>
compressed(Codec, std::int64_t) -> compressed<Codec>;

}  // namespace tutti::sync
