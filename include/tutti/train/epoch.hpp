#pragma once

#include <tutti/detail/least_chrono.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>
#include <tutti/train/agreement.hpp>
#include <tutti/train/reports.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <utility>

namespace tutti::detail {

inline std::size_t steps_of(std::size_t size, std::size_t batch) { return size / batch + (size % batch != 0); }

/// What trainers check before an epoch. Collective.
/// @throws usage_error  on every rank: no data, batch 0, arguments that differ between ranks, ...
template <class Comm>
void check_epoch(Comm& world, std::size_t size, epoch_options const& options, std::int64_t epoch, std::int64_t steps_done) {
    agree<arguments_of::run_epoch>(world, "run_epoch",
                                   {{"the number of samples", size},
                                    {"batch", options.batch},
                                    {"accumulate", options.accumulate},
                                    {"clip_norm", options.clip_norm},
                                    {"first_step", options.first_step},
                                    {"epoch", epoch},
                                    {"the number of steps done", steps_done}});
    if (size == 0) throw usage_error{"tutti: run_epoch: the data set has no samples"};
    if (options.batch == 0) throw usage_error{"tutti: run_epoch: batch must be at least 1"};
    if (options.accumulate == 0) throw usage_error{"tutti: run_epoch: accumulate must be at least 1"};
    check_clip_norm("run_epoch", options.clip_norm);
    if (options.first_step >= steps_of(size, options.batch))
        raise<usage_error>({"tutti: run_epoch: first_step = ", options.first_step, " is past the last step of ", size,
                            " samples in batches of ", options.batch});
}

/// What they check before an evaluation. Collective.
/// @throws usage_error  as check_epoch
template <class Comm>
void check_evaluation(Comm& world, std::size_t size, evaluate_options const& options) {
    agree<arguments_of::evaluate>(world, "evaluate", {{"the number of samples", size}, {"batch", options.batch}});
    if (size == 0) throw usage_error{"tutti: evaluate: the data set has no samples"};
    if (options.batch == 0) throw usage_error{"tutti: evaluate: batch must be at least 1"};
}

/// What a trainer calls after its steps and epochs, in the order it came.
template <class Report>
class callbacks {
public:
    void add(std::function<void(Report const&)> callback) { all_.push_back(std::move(callback)); }
    void tell(Report const& report) const {
        for (std::size_t k = 0, count = all_.size(); k < count; ++k) all_[k](report);
    }

private:
    std::deque<std::function<void(Report const&)>> all_;  // one that runs may add another, and stays where it is
};

/// Where a training is, and whom it tells: what all trainers have.
class training_course {
public:
    /// Calls `callback(step_report)` on this rank after each of its steps. Local; callbacks stay, in the order they came. One that
    /// comes from within a callback is called from the next time on.
    template <class Callback>
    void after_step(Callback callback) {
        static_assert(std::invocable<Callback&, step_report const&>,
                      "tutti: after_step: the callback must take what there is to report, as in "
                      "[](tutti::step_report const& report) { ... }");
        after_step_.add(std::move(callback));
    }
    /// Calls `callback(epoch_report)` on this rank after each epoch.
    template <class Callback>
    void after_epoch(Callback callback) {
        static_assert(std::invocable<Callback&, epoch_report const&>,
                      "tutti: after_epoch: the callback must take what there is to report, as in "
                      "[](tutti::epoch_report const& report) { ... }");
        after_epoch_.add(std::move(callback));
    }

    // A training resumes, bit for bit, from the parameters, the trainer's state() and what follows. What a synchronisation policy
    // keeps is not in it.

    /// The number of the next epoch, from 0: it chooses the shuffle. Set it equally on all ranks.
    std::int64_t epoch() const { return epoch_; }
    void epoch(std::int64_t next) { epoch_ = next; }

    /// The number of optimiser steps done, of all epochs and of `step`: schedules and Adam go by it. Set it equally on all ranks.
    /// @throws usage_error  when it is negative
    std::int64_t steps() const { return step_; }
    void steps(std::int64_t done) {
        if (done < 0) raise<usage_error>({"tutti: steps(", done, "): steps done cannot be negative"});
        step_ = done;
    }

protected:
    using clock = std::chrono::steady_clock;
    static double seconds(clock::duration time) { return std::chrono::duration<double>(time).count(); }

    std::int64_t epoch_ = 0, step_ = 0;
    clock::duration communicating_{};  // in this epoch
    callbacks<step_report> after_step_;
    callbacks<epoch_report> after_epoch_;
};

}  // namespace tutti::detail
