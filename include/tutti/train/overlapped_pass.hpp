#pragma once

#include <tutti/concepts/blocks.hpp>
#include <tutti/concepts/model.hpp>
#include <tutti/concepts/synchronisation.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/sync/block_store.hpp>
#include <tutti/train/announcements.hpp>
#include <tutti/train/deal.hpp>
#include <tutti/train/update.hpp>

#include <algorithm>
#include <cstddef>
#include <limits>

namespace tutti::detail {

/// The training passes of one step, where gradients are exchanged as they become final. What is left to be exchanged afterwards is left
/// to the policy's `contribute`.
/// @tparam Sync  what a policy has bound
template <class Comm, class Model, class Sync>
class overlapped_pass {
public:
    /// @param sums  room for those of micro-batches, made when there are several
    overlapped_pass(Comm& world, Model& model, Sync& sync, block_store& sums) : world_{world}, model_{model}, sync_{sync}, sums_{sums} {}

    struct result {
        double loss = 0;          // sum over this rank's samples
        std::size_t samples = 0;  // this rank's
    };

    /// Positions [first, last), in micro-batches: gradients are announced in the last one that this rank has a sample of, where the sums
    /// of those before join each block as it is.
    template <class Share, class Batches>
    result window(Share const& share, Batches& batches, std::size_t first, std::size_t last, std::size_t accumulate) {
        std::size_t const begin = share.before(first), end = share.before(last);
        result all{0, end - begin};
        double const weight = static_cast<double>(all.samples) / static_cast<double>(last - first);
        micro_batch_cuts const cuts{last - first, accumulate};
        auto part = [&](std::size_t k) { return share.before(first + cuts[k]); };
        or_end_group([&] {
            if (cuts.count() > 1) clear_sums(sums_, gradients_of(model_));
            for (std::size_t k = 0; k < cuts.count(); ++k) {
                std::size_t const from = part(k), to = part(k + 1);
                if (from == to) continue;
                double const ratio = static_cast<double>(to - from) / static_cast<double>(all.samples);
                double const loss = batches.with(share, from, to, [&](auto const& batch) {
                    if (cuts.count() == 1) return announced(batch, weight, [](std::size_t) {});
                    if (to == end) {
                        weighted_sums sums{sums_, gradients_of(model_), ratio};
                        return announced(batch, weight, [&](std::size_t block) { sums.finish(block); });
                    }
                    double const its = static_cast<double>(loss_and_gradients_of(model_, batch));
                    add_weighted(sums_, gradients_of(model_), ratio);
                    return its;
                });
                all.loss += loss * static_cast<double>(to - from);
            }
        });
        return all;
    }

    /// One batch; returns its mean loss.
    template <class Batch>
    double batch(Batch const& samples, double weight) {
        double loss = 0;
        or_end_group([&] { loss = announced(samples, weight, [](std::size_t) {}); });
        return loss;
    }

private:
    /// A pass whose gradients the policy hears of as they become final; `prepare(k)` is called before it hears of block k.
    template <class Batch, class Prepare>
    double announced(Batch const& batch, double weight, Prepare prepare) {
        static_assert(announces_gradients<Model, Batch>,
                      "tutti: this synchronisation policy exchanges gradients while the model computes others, so the model needs "
                      "loss_and_gradients(batch, announce) that calls announce(k) once block k of gradients() is final; for a model "
                      "without it there is tutti::sync::all_reduce; see tutti/concepts/model.hpp");
        if constexpr (announces_gradients<Model, Batch>) {
            auto&& gradients = gradients_of(model_);
            auto tell = sync_.begin(gradients, weight);
            announcements heard{count_blocks(gradients), [&](std::size_t block) { prepare(block), tell(block); }};
            double const loss = static_cast<double>(loss_and_gradients_of(model_, batch, announcer{heard}));
            heard.finish();
            return loss;
        } else {
            return 0;
        }
    }

    /// What throws here, another group's failure included, leaves peers with half an exchange: they are told, and the policy lets go of
    /// the gradients.
    template <class Act>
    void or_end_group(Act act) {
        try {
            act();
        } catch (...) {
            if (world_.size() > 1) world_.abort(text_of_exception());
            try {
                sync_.contribute(gradients_of(model_), 0);
            } catch (...) {}
            throw;
        }
    }

    Comm& world_;
    Model& model_;
    Sync& sync_;
    block_store& sums_;
};

}  // namespace tutti::detail
