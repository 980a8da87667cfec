#pragma once

#include "progress.hpp"
#include "read.hpp"
#include "results.hpp"
#include "screen.hpp"
#include "settings.hpp"

#include <tutti/tutti.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <utility>
#include <vector>

namespace digits {

/// Each label taken for each, as a share of the batch.
inline std::array<double, 100> confusion_of(auto& model, auto const& batch) {
    std::array<double, 100> shares{};
    auto const guesses = model.classify(batch);
    for (std::size_t k = 0; k < guesses.size(); ++k)
        shares[static_cast<std::size_t>(10 * batch[k].label + guesses[k])] += 1 / static_cast<double>(guesses.size());
    return shares;
}

/// What every rank does; all get the same outcome, but for the times.
/// @param untrained  has also classify(batch), the most likely label of every sample
template <class Model, class Sample>
outcome train(auto& world, Model untrained, options const& chosen, split_of<Sample> const& data, screen const& on) {
    tutti::data_parallel_trainer trainer{world, std::move(untrained), tutti::partition::shuffled{.seed = chosen.seed},
                                         tutti::sync::all_reduce{},
                                         tutti::optim::sgd{.learning_rate = chosen.learning_rate, .momentum = chosen.momentum}};

    progress live{on, chosen.epochs, data.training.size()};
    if (world.rank() == 0) {
        std::printf("%zu digits to train on, %zu held out; %zu parameters; ranks: %d\n\n", data.training.size(),
                    data.held_out.size(), trainer.model().parameters().size(), world.size());
        trainer.after_step([&](auto const& step) { live.step(step); });
        trainer.after_epoch([&](auto const& epoch) { live.epoch(epoch); });
    }

    double samples = 0, seconds = 0, communicating = 0;
    std::vector<double> losses;
    for (int epoch = 0; epoch < chosen.epochs; ++epoch) {
        auto const report = trainer.run_epoch(data.training, {.batch = chosen.batch, .accumulate = chosen.accumulate});
        if (!std::isfinite(report.mean_loss)) return {.diverged = true};  // on all ranks: they have the same loss
        losses.push_back(report.mean_loss);
        samples += static_cast<double>(report.samples);
        seconds += report.seconds, communicating += report.communicating;
    }

    outcome result{.losses = std::move(losses), .samples_per_second = samples / seconds, .communicating = communicating / seconds};
    result.counts = trainer.evaluate(data.held_out, {}, [](auto& model, auto const& batch) { return confusion_of(model, batch); });
    for (double& count : result.counts) count = std::round(count * static_cast<double>(data.held_out.size()));

    auto const guesses = trainer.model().classify(data.held_out);
    for (std::size_t k = 0; k < guesses.size(); ++k)
        if (guesses[k] != data.held_out[k].label) result.mistakes.push_back({k, guesses[k]});
    return result;
}

}  // namespace digits
