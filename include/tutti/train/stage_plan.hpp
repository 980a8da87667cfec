#pragma once

#include <tutti/concepts/layer_partition.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>
#include <tutti/pipeline/schedule.hpp>
#include <tutti/pipeline/verify.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace tutti::detail {

/// Where a model's layers are cut, one stage for each rank, once it has been looked at.
/// @throws usage_error  when there are fewer layers than ranks, the partition refuses them or breaks its law
template <class Cuts>
std::vector<std::size_t> checked_cuts(Cuts const& cuts, std::size_t layers, int ranks) {
    auto const stages = static_cast<std::size_t>(ranks);
    if (layers < stages)
        raise<usage_error>({"tutti: model_parallel_trainer: ", layers, " layers cannot be cut into ", ranks,
                            " stages, one for each rank: use fewer ranks, or more layers"});
    auto at = cuts.cuts(layers, stages);
    if (at.size() != stages + 1 || at.front() != 0 || at.back() != layers ||
        std::ranges::adjacent_find(at, std::greater_equal{}) != at.end())
        throw usage_error{
            "tutti: model_parallel_trainer: the layer partition breaks its law: it has to give the first layer of each "
            "stage, ascending, and the number of layers; see tutti/concepts/layer_partition.hpp"};
    return at;
}

/// What one stage does in a step, by a schedule: made, and verified, once for each number of micro-batches.
template <class Schedule>
class stage_plan {
public:
    explicit stage_plan(Schedule schedule) : schedule_{std::move(schedule)} {}

    /// @throws usage_error  when the schedule is unsound
    pipeline::stage_schedule const& of(std::size_t micro_batches, int stage, int stages) {
        for (auto const& each : plans_)
            if (each->micro_batches == micro_batches) return each->tasks;
        pipeline::shape const shape{stages, static_cast<int>(micro_batches)};
        auto const found = pipeline::verify(schedule_, shape);
        if (!found) raise<usage_error>({"tutti: the pipeline schedule is unsound: ", describe(found)});
        plans_.push_back(std::make_shared<plan const>(plan{micro_batches, schedule_.steps(shape, stage)}));
        return plans_.back()->tasks;
    }

private:
    struct plan {
        std::size_t micro_batches;
        pipeline::stage_schedule tasks;
    };
    Schedule schedule_;
    std::vector<std::shared_ptr<plan const>> plans_;  // which stay where they are while a step works through one
};

}  // namespace tutti::detail
