#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace tutti::pipeline {

/// What a schedule is made for: every micro-batch goes forward through stages 0 .. stages - 1, and its gradient back.
struct shape {
    int stages = 1;         ///< one rank each
    int micro_batches = 1;  ///< of one training step
};

/// One thing that one stage does for one micro-batch.
struct task {
    enum class action : std::uint8_t {
        receive_activation,  ///< from the stage before
        forward,
        send_activation,   ///< to the next stage
        receive_gradient,  ///< from the next stage
        backward,
        send_gradient  ///< to the stage before
    };
    action what = action::forward;
    int round = 0;  ///< transfers of a round run at the same time, and are with one neighbour; work has a round of its own
    int micro_batch = 0;

    constexpr bool transfers() const { return what != action::forward && what != action::backward; }
    constexpr bool receives() const { return what == action::receive_activation || what == action::receive_gradient; }
    /// The neighbour of `stage` that a transfer is with.
    constexpr int peer_of(int stage) const {
        return what == action::receive_activation || what == action::send_gradient ? stage - 1 : stage + 1;
    }
};

constexpr std::string_view name(task::action what) {
    constexpr std::string_view names[] = {"receive_activation", "forward",  "send_activation",
                                          "receive_gradient",   "backward", "send_gradient"};
    return names[static_cast<std::size_t>(what)];
}

/// What one stage does in one training step, round by round.
struct stage_schedule {
    std::vector<task> tasks{};

    // Each of these appends tasks in a round of their own.
    constexpr void add(task::action what, int micro_batch) { tasks.push_back({what, next_round(), micro_batch}); }
    constexpr void add(task::action what, int micro_batch, task::action same_time, int other_micro_batch) {
        int const round = next_round();
        tasks.push_back({what, round, micro_batch});
        tasks.push_back({same_time, round, other_micro_batch});
    }

    /// The most micro-batches that have gone forward here and not back yet: as many saved activations does the stage hold.
    constexpr int in_flight() const {
        int now = 0, most = 0;
        for (task const& each : tasks) {
            now += (each.what == task::action::forward) - (each.what == task::action::backward);
            most = now > most ? now : most;
        }
        return most;
    }

private:
    constexpr int next_round() const { return tasks.empty() ? 0 : tasks.back().round + 1; }
};

/// One training step as data: what every stage does. It can be verified, timed, drawn and executed.
struct schedule {
    pipeline::shape shape;
    std::vector<stage_schedule> stages{};
};

/// Makes schedules, such as `gpipe`: `steps(shape, stage)` gives what one stage does, `in_flight(shape, stage)` how many
/// micro-batches it may hold. A pure function, so that every rank knows what all do.
/// Laws: what it makes is sound, as `verify` says
template <class Policy>
concept schedule_policy = requires(Policy const& policy, shape const& of, int stage) {
    { policy.steps(of, stage) } -> std::same_as<stage_schedule>;
    { policy.in_flight(of, stage) } -> std::convertible_to<int>;
};

/// The schedule that a policy makes for all stages.
template <schedule_policy Policy>
constexpr schedule make_schedule(Policy const& policy, shape const& of) {
    schedule whole{of};
    for (int stage = 0; stage < of.stages; ++stage) whole.stages.push_back(policy.steps(of, stage));
    return whole;
}

namespace detail {

/// Appends what a stage does to take a micro-batch forward, or back, beside its neighbours.
constexpr void go_forward(stage_schedule& mine, shape const& of, int stage, int micro_batch) {
    if (stage > 0) mine.add(task::action::receive_activation, micro_batch);
    mine.add(task::action::forward, micro_batch);
    if (stage + 1 < of.stages) mine.add(task::action::send_activation, micro_batch);
}
constexpr void go_back(stage_schedule& mine, shape const& of, int stage, int micro_batch) {
    if (stage + 1 < of.stages) mine.add(task::action::receive_gradient, micro_batch);
    mine.add(task::action::backward, micro_batch);
    if (stage > 0) mine.add(task::action::send_gradient, micro_batch);
}

}  // namespace detail
}  // namespace tutti::pipeline
