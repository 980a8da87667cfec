#pragma once

#include "data.hpp"
#include "mlp.hpp"
#include "options.hpp"
#include "progress.hpp"
#include "results.hpp"

#include <tutti/tutti.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <vector>

namespace digits {

struct outcome {
    bool diverged = false;
    double samples_per_second = 0, communicating = 0;
    confusion counts{};
    std::vector<mistake> mistakes{};
};

/// Each label taken for each, as a share of the batch.
inline std::array<double, 100> confusion_of(mlp& model, auto const& batch) {
    std::array<double, 100> shares{};
    auto const guesses = model.classify(batch);
    for (std::size_t k = 0; k < guesses.size(); ++k)
        shares[static_cast<std::size_t>(10 * batch[k].label + guesses[k])] += 1 / static_cast<double>(guesses.size());
    return shares;
}

/// What every rank does; all get the same outcome, but for the times.
outcome train(auto& world, options const& chosen, split const& data, screen const& on) {
    tutti::data_parallel_trainer trainer{world, mlp{{64, chosen.hidden, chosen.hidden, 10}, chosen.seed},
                                         tutti::partition::shuffled{.seed = chosen.seed}, tutti::sync::all_reduce{},
                                         tutti::optim::sgd{.learning_rate = chosen.learning_rate, .momentum = chosen.momentum}};

    progress live{on, chosen.epochs, data.training.size()};
    if (world.rank() == 0) {
        std::printf("%zu digits to train on, %zu held out; %zu parameters; ranks: %d\n\n", data.training.size(),
                    data.held_out.size(), trainer.model().parameters().size(), world.size());
        trainer.after_step([&](auto const& step) { live.step(step); });
        trainer.after_epoch([&](auto const& epoch) { live.epoch(epoch); });
    }

    double samples = 0, seconds = 0, communicating = 0;
    for (int epoch = 0; epoch < chosen.epochs; ++epoch) {
        auto const report = trainer.run_epoch(data.training, {.batch = chosen.batch, .accumulate = chosen.accumulate});
        if (!std::isfinite(report.mean_loss)) return {.diverged = true};  // on all ranks: they have the same loss
        samples += static_cast<double>(report.samples);
        seconds += report.seconds, communicating += report.communicating;
    }

    outcome result{.samples_per_second = samples / seconds, .communicating = communicating / seconds};
    result.counts = trainer.evaluate(data.held_out, {}, [](auto& model, auto const& batch) { return confusion_of(model, batch); });
    for (double& count : result.counts) count = std::round(count * static_cast<double>(data.held_out.size()));

    auto const guesses = trainer.model().classify(data.held_out);
    for (std::size_t k = 0; k < guesses.size(); ++k)
        if (guesses[k] != data.held_out[k].label) result.mistakes.push_back({&data.held_out[k], guesses[k]});
    return result;
}

}  // namespace digits
