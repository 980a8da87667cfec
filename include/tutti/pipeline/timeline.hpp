#pragma once

#include <tutti/error.hpp>
#include <tutti/pipeline/schedule.hpp>

#include <algorithm>
#include <cstddef>
#include <vector>

namespace tutti::pipeline {

/// What work takes on every stage, in any unit of time; messages take none, but wait for their receiver (rendezvous).
struct costs {
    double forward = 1, backward = 2;
};

/// When every task of a schedule begins and ends: what is predicted, and drawn.
struct timeline {
    struct span {
        double begin = 0, end = 0;
    };
    std::vector<std::vector<span>> stages{};  ///< by stage, a span for each of its tasks

    /// When the last stage is done.
    constexpr double end() const {
        double last = 0;
        for (auto const& tasks : stages)
            for (span const& each : tasks) last = std::max(last, each.end);
        return last;
    }
};

/// Runs a schedule on a clock per stage. Local; usable in constant expressions.
/// @throws usage_error  for a schedule that never ends, or whose stages or micro-batches are not those of its shape
/// Cost:   the number of tasks times that of stages, at most
template <class = void>
constexpr timeline run_on_clocks(schedule const& what, costs const& cost = {}) {
    auto const stages = what.stages.size(), m = static_cast<std::size_t>(what.shape.micro_batches);
    if (what.shape.stages != static_cast<int>(stages)) throw usage_error{"tutti: pipeline: a schedule of more or fewer stages than its shape has"};
    for (auto const& stage : what.stages)
        for (task const& each : stage.tasks)
            if (each.micro_batch < 0 || each.micro_batch >= what.shape.micro_batches)
                throw usage_error{"tutti: pipeline: a task of a micro-batch that the shape does not have"};
    timeline all;
    // When each end of a message was ready, by kind of transfer, stage and micro-batch; before that, less than 0.
    std::vector<double> ready(6 * stages * m, -1);
    auto ready_at = [&](task::action kind, std::size_t stage, int micro_batch) -> double& {
        return ready[(static_cast<std::size_t>(kind) * stages + stage) * m + static_cast<std::size_t>(micro_batch)];
    };
    auto counterpart = [](task::action kind) {
        switch (kind) {
        case task::action::receive_activation:
            return task::action::send_activation;
        case task::action::send_activation:
            return task::action::receive_activation;
        case task::action::receive_gradient:
            return task::action::send_gradient;
        default:
            return task::action::receive_gradient;
        }
    };
    std::vector<std::size_t> next(stages, 0);
    std::vector<double> clock(stages, 0);
    for (auto const& stage : what.stages) all.stages.emplace_back(stage.tasks.size());
    auto finish_round = [&](std::size_t stage) {
        auto const& tasks = what.stages[stage].tasks;
        std::size_t const first = next[stage];
        std::size_t last = first;
        double end = clock[stage];
        for (; last < tasks.size() && tasks[last].round == tasks[first].round; ++last) {
            task const& each = tasks[last];
            if (!each.transfers()) {
                end += each.what == task::action::forward ? cost.forward : cost.backward;
                continue;
            }
            ready_at(each.what, stage, each.micro_batch) = clock[stage];
        }
        for (std::size_t k = first; k < last; ++k) {
            task const& each = tasks[k];
            if (!each.transfers()) continue;
            auto const peer = static_cast<std::size_t>(each.peer_of(static_cast<int>(stage)));
            double const theirs = peer < stages ? ready_at(counterpart(each.what), peer, each.micro_batch) : -1;
            if (theirs < 0) return false;
            end = std::max(end, theirs);
        }
        for (std::size_t k = first; k < last; ++k) all.stages[stage][k] = {clock[stage], end};
        clock[stage] = end;
        next[stage] = last;
        return true;
    };
    for (bool moved = true; moved;) {
        moved = false;
        for (std::size_t stage = 0; stage < stages; ++stage)
            while (next[stage] < what.stages[stage].tasks.size() && finish_round(stage)) moved = true;
    }
    for (std::size_t stage = 0; stage < stages; ++stage)
        if (next[stage] < what.stages[stage].tasks.size())
            throw usage_error{"tutti: pipeline: a stage waits for ever; see tutti::pipeline::verify"};
    return all;
}

/// The time of a step in which `stage` does not work, until the last stage is done: its bubble, and waits for neighbours.
/// @throws usage_error  as `run_on_clocks`, and for a stage that is none
template <class = void>
constexpr double idle_time(schedule const& what, int stage, costs const& cost = {}) {
    if (stage < 0 || static_cast<std::size_t>(stage) >= what.stages.size())
        throw usage_error{"tutti: pipeline: the idle time of a stage that the schedule does not have"};
    double work = 0;
    for (task const& each : what.stages[static_cast<std::size_t>(stage)].tasks)
        work += each.what == task::action::forward ? cost.forward : each.what == task::action::backward ? cost.backward : 0;
    return run_on_clocks(what, cost).end() - work;
}

}  // namespace tutti::pipeline
