#pragma once

#include <tutti/concepts/call.hpp>
#include <tutti/concepts/step_traffic.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>
#include <tutti/pipeline/schedule.hpp>
#include <tutti/train/deal.hpp>
#include <tutti/train/stage_pass.hpp>

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

namespace tutti::detail {

/// What crosses the cuts of one stage during a step, in bytes, from what has crossed them before: an activation is of the user's
/// type, so nothing is known of it until there was one of as many samples.
class stage_costs {
public:
    /// A step on `samples` samples of this copy, in as many micro-batches as `run_epoch` makes of them.
    /// @param  call  whose text an error is
    /// @throws usage_error  when there are to be no micro-batches
    template <class = void>
    static std::vector<std::size_t> sizes(std::string_view call, std::size_t samples, std::size_t micro_batches) {
        if (micro_batches == 0) raise<usage_error>({"tutti: ", call, ": micro_batches must be at least 1"});
        micro_batch_cuts const cuts{samples, micro_batches};
        std::vector<std::size_t> all;
        for (std::size_t k = 0; k < cuts.count(); ++k) all.push_back(cuts[k + 1] - cuts[k]);
        return all;
    }

    /// @param  sizes  samples of each micro-batch
    stage_costs(std::string_view call, cuts_of_stage const& cuts, pipeline::stage_schedule const& plan, int rank,
                std::vector<std::size_t> const& sizes)
        : call_{call},
          cuts_{cuts},
          plan_{plan},
          rank_{rank},
          sizes_{sizes} {}

    /// Adds, for each round of the schedule that has messages, the bytes of its message, of the larger one where there are two.
    /// @throws usage_error  when there was no micro-batch of such a size
    template <class = void>
    void add_traffic(step_traffic& sum) const {
        auto const& tasks = plan_.tasks;
        for (std::size_t first = 0, last = 0; first < tasks.size(); first = last) {
            std::size_t bytes = 0;
            for (; last < tasks.size() && tasks[last].round == tasks[first].round; ++last)
                if (auto const& each = tasks[last]; each.transfers())
                    bytes = std::max(bytes, bytes_of(each.peer_of(rank_) < rank_ ? cuts_.before : cuts_.behind,
                                                     sizes_[static_cast<std::size_t>(each.micro_batch)]));
            auto const kind = last - first == 2            ? collective::exchange
                              : tasks[first].receives() ? collective::receive
                                                        : collective::send;
            sum.add(kind, static_cast<double>(bytes));
        }
    }

    /// An activation and a gradient at each cut; where the model ends, a gradient of the loss for each micro-batch in flight; each of
    /// the largest micro-batch.
    /// @throws usage_error  as add_traffic
    template <class = void>
    std::size_t memory(bool begins, bool ends) const {
        auto const largest = [&](known_extents const& cut) {
            std::size_t most = 0;
            for (std::size_t const each : sizes_) most = std::max(most, bytes_of(cut, each));
            return most;
        };
        return (begins ? 0 : 2 * largest(cuts_.before)) +
               (ends ? static_cast<std::size_t>(plan_.in_flight()) * largest(cuts_.loss) : 2 * largest(cuts_.behind));
    }

private:
    template <class = void>
    std::size_t bytes_of(known_extents const& cut, std::size_t samples) const {
        auto const* const known = cut.find(samples);
        if (!known)
            raise<usage_error>({"tutti: ", call_, ": how large an activation of ", samples, " samples is, is not known on rank ", rank_,
                                " before a step has taken a micro-batch of as many through it"});
        return known->bytes;
    }

    std::string_view call_;
    cuts_of_stage const& cuts_;
    pipeline::stage_schedule const& plan_;
    int rank_;
    std::vector<std::size_t> const& sizes_;
};

}  // namespace tutti::detail
