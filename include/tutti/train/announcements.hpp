#pragma once

#include <tutti/concepts/blocks.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>
#include <tutti/sync/block_store.hpp>

#include <cstddef>
#include <utility>
#include <vector>

namespace tutti::detail {

template <class Blocks>
std::size_t count_blocks(Blocks&& blocks) {
    std::size_t count = 0;
    for_each_block(blocks, [&](auto) { ++count; });
    return count;
}

/// Hears from a model which blocks of its gradients are final, and passes each on, once.
template <class PassOn>
class announcements {
public:
    announcements(std::size_t blocks, PassOn pass_on) : told_(blocks, false), pass_on_{std::move(pass_on)} {}

    /// @throws usage_error  when there is no block `k`, or it was announced before
    void operator()(std::size_t k) {
        if (k >= told_.size())
            raise<usage_error>({"tutti: the model announces block ", k, " of its gradients, which has ", told_.size(), " blocks"});
        if (told_[k])
            raise<usage_error>({"tutti: the model announces block ", k,
                                " of its gradients twice in one pass: it must be final when "
                                "it is announced"});
        told_[k] = true;
        pass_on_(k);
    }
    /// The pass is over: passes on what was not announced.
    void finish() {
        for (std::size_t k = told_.size(); k-- > 0;)
            if (!told_[k]) (*this)(k);
    }

private:
    std::vector<bool> told_;
    PassOn pass_on_;
};

/// Finishes, block by block, the gradients of a batch that was worked through in parts: sums of those before, and the last.
class weighted_sums {
public:
    /// @param sums    of the parts before the last
    /// @param weight  of the gradients of the last, which are there when a block is finished
    template <class Gradients>
    weighted_sums(block_store const& sums, Gradients&& gradients, double weight) : weight_{weight} {
        for_each_block(gradients, [&](auto block) {
            using T = typename decltype(block)::value_type;
            parts_.push_back({sums.block<T>(parts_.size()), block.data(), block.size(), [](part const& its, double by) {
                                  T* const sum = static_cast<T*>(its.sum);
                                  T* const last = static_cast<T*>(its.last);
                                  for (std::size_t i = 0; i < its.size; ++i)  // rounded as `add_weighted` does
                                      sum[i] += static_cast<T>(by) * last[i], last[i] = sum[i];
                              }});
        });
    }
    void finish(std::size_t block) const { parts_[block].finish(parts_[block], weight_); }

private:
    struct part {
        void* sum;
        void* last;
        std::size_t size;
        void (*finish)(part const& its, double weight);
    };
    std::vector<part> parts_;
    double weight_;
};

}  // namespace tutti::detail
