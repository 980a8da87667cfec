#pragma once

#include <tutti/detail/least_chrono.hpp>
#include <tutti/pipeline/schedule.hpp>
#include <tutti/train/stage.hpp>
#include <tutti/train/stage_learning.hpp>
#include <tutti/train/stage_pass.hpp>

#include <cstddef>
#include <span>
#include <utility>

namespace tutti::detail {

/// Takes micro-batches through the stage of one rank, task by task. What throws here leaves neighbours waiting.
template <class Comm, class Model, class Batch>
class scheduled_pass {
    using clock = std::chrono::steady_clock;
    using action = pipeline::task::action;

public:
    using output = typename stage_pass<Model, Batch>::output;

    /// @param  communicating  to which the time in transfers is added
    scheduled_pass(Comm& world, Model& model, stage<Model>& mine, cuts_of_stage& cuts, clock::duration& communicating)
        : world_{world},
          model_{model},
          stage_{mine},
          communicating_{communicating},
          pass_{mine, cuts} {}

    /// Takes all micro-batches of a step there and back. Leaves in the layers the gradients of the mean over all their samples;
    /// returns the sum of losses on the rank with the last layer.
    /// @param  samples  of a micro-batch
    /// @param  with     with(micro-batch, use) calls use(batch)
    template <class Learning, class Samples, class With>
    double step(pipeline::stage_schedule const& plan, Learning& learning, std::size_t micro_batches, Samples samples, With with) {
        auto const& tasks = plan.tasks;
        auto const slots = static_cast<std::size_t>(plan.in_flight());
        double whole = 0, loss = 0;
        for (std::size_t k = 0; k < micro_batches; ++k) whole += static_cast<double>(samples(k));
        auto const samples_of = [&](int micro_batch) { return samples(static_cast<std::size_t>(micro_batch)); };
        auto const forward = [&](std::size_t k, Batch const* batch) {
            pass_.forward(k % slots, batch, [&](auto y) {
                double const mean = model_.loss()(std::as_const(y), *batch, pass_.loss_gradient(k % slots));
                loss += mean * static_cast<double>(samples(k));
                pass_.note_loss_gradient(k % slots, samples(k));
            });
        };
        pass_.reserve(slots);
        if (micro_batches > 1) learning.clear_sums();
        for (std::size_t first = 0, last = 0; first < tasks.size(); first = last) {
            auto const& now = tasks[first];
            auto const k = static_cast<std::size_t>(now.micro_batch);
            while (last < tasks.size() && tasks[last].round == now.round) ++last;
            if (now.transfers()) {
                transfer(std::span{tasks}.subspan(first, last - first), samples_of);
            } else if (now.what == action::backward) {
                pass_.backward(k % slots);
                if (micro_batches > 1) learning.add(stage_, static_cast<double>(samples(k)) / whole);
            } else if (begins() || ends()) {
                with(k, [&](auto const& batch) { forward(k, &batch); });
            } else {
                forward(k, nullptr);
            }
        }
        if (micro_batches > 1) learning.take_sums(stage_);
        return loss;
    }

    /// Takes one batch there alone.
    /// @param  with  with(use) calls use(batch)
    /// @param  end   called as end(y, batch) with what the model's last layer gives, if it is here
    template <class With, class End>
    void forward(std::size_t samples, With with, End end) {
        auto const pass_on = [&](action what) {
            pipeline::task const task{what};
            transfer(std::span{&task, 1}, [&](int) { return samples; });
        };
        auto const through = [&](Batch const* batch) {
            pass_.forward(0, batch, [&](auto y) { end(y, *batch); });
        };
        pass_.reserve(1);
        if (!begins()) pass_on(action::receive_activation);
        if (begins() || ends()) with([&](auto const& batch) { through(&batch); });
        else through(nullptr);
        if (!ends()) pass_on(action::send_activation);
    }

private:
    bool begins() const { return stage_.first() == 0; }
    bool ends() const { return stage_.last() == Model::count; }

    template <class SamplesOf>
    void transfer(std::span<pipeline::task const> round, SamplesOf samples_of) {
        auto const start = clock::now();
        pass_.transfer(world_, round, samples_of);
        communicating_ += clock::now() - start;
    }

    Comm& world_;
    Model& model_;
    stage<Model>& stage_;
    clock::duration& communicating_;
    stage_pass<Model, Batch> pass_;
};

}  // namespace tutti::detail
