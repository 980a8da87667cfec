#pragma once

#include <tutti/collectives/schedule.hpp>
#include <tutti/collectives/verify.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/pipeline/schedule.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tutti::pipeline {

/// What can be wrong with a pipeline schedule.
enum class fault : std::uint8_t {
    none,
    no_such_micro_batch,
    no_such_stage,       ///< the first stage has none before it, the last none behind it
    mixed_round,         ///< work shares its round, transfers of one round are with both neighbours, or rounds decrease
    out_of_order,        ///< a task is not for the micro-batch after the one that it was last done for: left out, repeated, ...
    too_early,           ///< a task lacks what it works on, or sends
    overwrites,          ///< an activation or gradient comes in, or is made, before the last one of its kind has been used
    incomplete,          ///< the stage ends before every micro-batch has been everywhere
    too_many_in_flight,  ///< more micro-batches hold saved activations than the stage may have
    messages             ///< the messages are unsound: `verdict::of_messages` says why
};

constexpr std::string_view name(fault what) {
    constexpr std::string_view names[] = {"sound",
                                          "names a micro-batch that is none",
                                          "is with a stage that is none",
                                          "shares a round that is not its own",
                                          "is not for the next micro-batch",
                                          "comes before what it needs",
                                          "overwrites what has not been used",
                                          "is missing",
                                          "keeps too many micro-batches in flight",
                                          "is a message that cannot pass"};
    return names[static_cast<std::size_t>(what)];
}

/// The outcome of `verify`.
struct verdict {
    fault what = fault::none;
    int stage = -1;        ///< where
    std::size_t task = 0;  ///< which of its tasks
    tutti::verdict of_messages{};

    constexpr explicit operator bool() const { return what == fault::none; }
};

template <class = void>
std::string describe(verdict const& found) {
    if (found) return "sound";
    if (found.what == fault::messages) return "as messages: " + describe(found.of_messages);
    return tutti::detail::joined({"stage ", found.stage, ", task ", found.task, ": ", name(found.what)});
}

/// The messages of a pipeline's step, as a schedule of the collectives: a broadcast of one element per micro-batch from stage 0, in
/// which every element is handed from stage to stage to the last and back, and is kept where its way back passes. It is sound only
/// if every micro-batch goes all the way there and back, and if no rank waits in a circle although sends may wait for their
/// receives. An activation is preceded by its shape here, which the trainer sends where the receiver cannot know it: to leave a
/// message out on both sides takes waits away and adds none.
template <class = void>
constexpr tutti::schedule as_messages(schedule const& what) {
    auto const m = static_cast<std::size_t>(what.shape.micro_batches);
    tutti::schedule all{{collective::broadcast, what.shape.stages, m, 0}};
    for (int stage = 0; stage < what.shape.stages; ++stage) {
        bool const is_first = stage == 0, is_last = stage + 1 == what.shape.stages;
        rank_schedule mine;
        mine.scratch = 4 * m;
        auto add = [&](task const& each, bool shapes) {
            auto const k = static_cast<std::size_t>(each.micro_batch);
            place const came{is_first ? memory::in : memory::scratch, k}, made{memory::scratch, m + k},
                back{memory::scratch, (is_last ? m : 2 * m) + k}, shape{memory::scratch, 3 * m + k}, done{memory::out, k};
            int const round = 2 * each.round + !shapes, peer = each.peer_of(stage);
            switch (each.what) {
            case task::action::receive_activation:
                return mine.receive(round, peer, shapes ? shape : came, 1);
            case task::action::send_activation:
                return mine.send(round, peer, made, 1);
            case task::action::forward:
                return shapes ? void() : mine.local(round, made, came, 1);
            case task::action::receive_gradient:
                return shapes ? void() : mine.receive(round, peer, back, 1);
            case task::action::backward:
                return shapes ? void() : mine.local(round, done, back, 1);
            case task::action::send_gradient:
                return shapes ? void() : mine.send(round, peer, done, 1);
            }
        };
        auto const& tasks = what.stages[static_cast<std::size_t>(stage)].tasks;
        for (std::size_t first = 0, last = 0; first < tasks.size(); first = last) {
            while (last < tasks.size() && tasks[last].round == tasks[first].round) ++last;
            for (bool const shapes : {true, false})
                for (std::size_t k = first; k < last; ++k) add(tasks[k], shapes);
        }
        all.ranks.push_back(mine);
    }
    return all;
}

namespace detail {

/// How often a stage has done each kind of task, which goes in the order of micro-batches: what verdicts come from.
class stage_check {
public:
    constexpr stage_check(schedule const& what, int stage)
        : shape_{what.shape},
          stage_{stage},
          tasks_{what.stages[static_cast<std::size_t>(stage)].tasks} {}

    constexpr fault add(std::size_t at) {
        using action = task::action;
        task const& now = tasks_[at];
        if (now.micro_batch < 0 || now.micro_batch >= shape_.micro_batches) return fault::no_such_micro_batch;
        if (now.transfers() && (now.peer_of(stage_) < 0 || now.peer_of(stage_) >= shape_.stages)) return fault::no_such_stage;
        if (at > 0) {
            task const& before = tasks_[at - 1];
            if (now.round < before.round) return fault::mixed_round;
            bool const same = now.round == before.round;
            if (same && (!now.transfers() || !before.transfers() || now.peer_of(stage_) != before.peer_of(stage_)))
                return fault::mixed_round;
        }
        if (now.micro_batch != done(now.what)) return fault::out_of_order;
        bool const is_first = stage_ == 0, is_last = stage_ + 1 == shape_.stages;
        // What comes before and after this task on its micro-batch's way, where this stage does it.
        auto needs = [&](action what) { return now.micro_batch < done(what) ? fault::none : fault::too_early; };
        auto used = [&](action what) { return now.micro_batch <= done(what) ? fault::none : fault::overwrites; };
        fault found = fault::none;
        switch (now.what) {
        case action::receive_activation:
            found = used(action::forward);
            break;
        case action::forward:
            found = is_first ? fault::none : needs(action::receive_activation);
            if (found == fault::none && !is_last) found = used(action::send_activation);
            break;
        case action::send_activation:
            found = needs(action::forward);
            break;
        case action::receive_gradient:
            found = used(action::backward);
            break;
        case action::backward:
            found = needs(is_last ? action::forward : action::receive_gradient);
            if (found == fault::none && !is_first) found = used(action::send_gradient);
            break;
        case action::send_gradient:
            found = needs(action::backward);
            break;
        }
        ++done_[static_cast<std::size_t>(now.what)];
        return found;
    }

    /// Whether all has been done that the stage has to do.
    constexpr bool complete() const {
        for (auto const what : {task::action::receive_activation, task::action::forward, task::action::send_activation,
                                task::action::receive_gradient, task::action::backward, task::action::send_gradient}) {
            task const any{what};
            int const peer = any.peer_of(stage_);
            bool const has_to = !any.transfers() || (peer >= 0 && peer < shape_.stages);
            if (has_to && done(what) != shape_.micro_batches) return false;
        }
        return true;
    }

private:
    constexpr int done(task::action what) const { return done_[static_cast<std::size_t>(what)]; }

    shape shape_;
    int stage_;
    std::vector<task> const& tasks_;
    int done_[6] = {};
};

}  // namespace detail

/// Whether a pipeline schedule is sound: every stage takes each micro-batch forward once and back once, in their order, each once
/// it has what it needs, and has room for one activation and one gradient in each direction; and its messages are sound, by the
/// verifier of the collectives. Local; usable in constant expressions.
template <class = void>
constexpr verdict verify(schedule const& what) {
    if (what.shape.stages < 1 || what.shape.micro_batches < 1 || what.stages.size() != static_cast<std::size_t>(what.shape.stages))
        return {fault::incomplete, 0, 0};
    for (int stage = 0; stage < what.shape.stages; ++stage) {
        detail::stage_check check{what, stage};
        auto const count = what.stages[static_cast<std::size_t>(stage)].tasks.size();
        for (std::size_t k = 0; k < count; ++k)
            if (auto const found = check.add(k); found != fault::none) return {found, stage, k};
        if (!check.complete()) return {fault::incomplete, stage, count};
    }
    if (auto const found = tutti::verify(as_messages(what)); !found) return {fault::messages, found.rank, found.step, found};
    return {};
}

/// The same for what a policy makes, which also has to keep no more micro-batches in flight than it says.
template <class Policy>
constexpr verdict verify(Policy const& policy, shape const& of) {
    auto const whole = make_schedule(policy, of);
    if (auto const found = verify(whole); !found) return found;
    for (int stage = 0; stage < of.stages; ++stage)
        if (whole.stages[static_cast<std::size_t>(stage)].in_flight() > policy.in_flight(of, stage))
            return {fault::too_many_in_flight, stage, 0};
    return {};
}

}  // namespace tutti::pipeline
