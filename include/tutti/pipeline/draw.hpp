#pragma once

#include <tutti/detail/text.hpp>
#include <tutti/pipeline/schedule.hpp>
#include <tutti/pipeline/timeline.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace tutti::pipeline {

/// A schedule as plain text: a row for each stage, time to the right, in slots of one unit. F3 is micro-batch 3 going forward, B3
/// its gradient going back; micro-batches count from 0, and a dot is an idle slot. Readable for some 100 slots. Local.
/// @param  forward, backward  slots that each takes, >= 1
/// @throws usage_error  for a schedule that never ends
template <class = void>
std::string draw_text(schedule const& what, int forward = 1, int backward = 2) {
    costs const cost{static_cast<double>(forward), static_cast<double>(backward)};
    auto const times = run_on_clocks(what, cost);
    auto const slots = static_cast<std::size_t>(times.end());
    auto const width = std::to_string(std::max(0, what.shape.micro_batches - 1)).size() + 1;
    auto const [stages, m] = what.shape;
    std::string text = tutti::detail::joined(
        {stages, stages == 1 ? " stage, " : " stages, ", m, m == 1 ? " micro-batch\n\n" : " micro-batches\n\n"});
    auto const names = std::to_string(std::max(0, what.shape.stages - 1)).size();
    for (std::size_t stage = 0; stage < what.stages.size(); ++stage) {
        std::vector<std::string> row(slots, ".");
        auto const& tasks = what.stages[stage].tasks;
        for (std::size_t k = 0; k < tasks.size(); ++k) {
            if (tasks[k].transfers()) continue;
            auto const [begin, end] = times.stages[stage][k];
            char const sign = tasks[k].what == task::action::forward ? 'F' : 'B';
            for (auto slot = static_cast<std::size_t>(begin); slot < static_cast<std::size_t>(end); ++slot)
                row[slot] = sign + std::to_string(tasks[k].micro_batch);
        }
        std::string const index = std::to_string(stage);
        std::string line = "stage " + std::string(names - index.size(), ' ') + index + " ";
        for (auto const& cell : row) line += " " + cell + std::string(width - std::min(width, cell.size()), ' ');
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
    }
    return text;
}

}  // namespace tutti::pipeline
