// Handwritten digits, told apart by a network that thread ranks train together.
#include "digits/data.hpp"
#include "digits/mlp.hpp"
#include "digits/options.hpp"
#include "digits/progress.hpp"
#include "digits/results.hpp"

#include <tutti/tutti.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <utility>
#include <vector>

namespace {

struct outcome {
    double samples_per_second = 0, communicating = 0;
    digits::confusion counts{};
    std::vector<digits::mistake> mistakes{};
};

/// Each label taken for each, as a share of the batch.
std::array<double, 100> confusion(digits::mlp& model, auto const& batch) {
    std::array<double, 100> shares{};
    auto const guesses = model.classify(batch);
    for (std::size_t k = 0; k < guesses.size(); ++k)
        shares[static_cast<std::size_t>(10 * batch[k].label + guesses[k])] += 1 / static_cast<double>(guesses.size());
    return shares;
}

/// What every rank does; all get the same outcome, but for the times.
outcome train(auto& world, digits::options const& options, digits::split const& data, digits::screen const& screen) {
    tutti::data_parallel_trainer trainer{world, digits::mlp{{64, options.hidden, options.hidden, 10}, options.seed},
                                         tutti::partition::shuffled{.seed = options.seed}, tutti::sync::all_reduce{},
                                         tutti::optim::sgd{.learning_rate = options.learning_rate, .momentum = options.momentum}};

    digits::progress progress{screen, options.epochs, data.training.size()};
    if (world.rank() == 0) {
        std::printf("%zu digits to train on, %zu held out; %zu parameters; ranks: %d\n\n", data.training.size(),
                    data.held_out.size(), trainer.model().parameters().size(), world.size());
        trainer.after_step([&](auto const& step) { progress.step(step); });
        trainer.after_epoch([&](auto const& epoch) { progress.epoch(epoch); });
    }

    double samples = 0, seconds = 0, communicating = 0;
    for (int epoch = 0; epoch < options.epochs; ++epoch) {
        auto const report = trainer.run_epoch(data.training, {.batch = options.batch, .accumulate = options.accumulate});
        if (!std::isfinite(report.mean_loss)) throw std::runtime_error{"the training diverged: try a smaller --learning-rate"};
        samples += static_cast<double>(report.samples);
        seconds += report.seconds, communicating += report.communicating;
    }

    outcome result{.samples_per_second = samples / seconds, .communicating = communicating / seconds};
    result.counts = trainer.evaluate(data.held_out, {}, [](auto& model, auto const& batch) { return confusion(model, batch); });
    for (double& count : result.counts) count = std::round(count * static_cast<double>(data.held_out.size()));

    auto const guesses = trainer.model().classify(data.held_out);
    for (std::size_t k = 0; k < guesses.size(); ++k)
        if (guesses[k] != data.held_out[k].label) result.mistakes.push_back({&data.held_out[k], guesses[k]});
    return result;
}

}  // namespace

int main(int argc, char** argv) try {
    auto const options = digits::parse(argc, argv);
    auto const data = digits::hold_out(digits::read(options.data));
    digits::screen const screen;

    outcome result;
    tutti::launch<tutti::comm::threads>({.ranks = options.ranks}, [&](auto& world) {
        auto mine = train(world, options, data, screen);
        if (world.rank() == 0) result = std::move(mine);
    });

    double right = 0;
    for (std::size_t label = 0; label < 10; ++label) right += result.counts[11 * label];
    double const accuracy = right / static_cast<double>(data.held_out.size());
    std::printf("\nHeld-out accuracy    %.2f %%, %.0f of %zu\n", 100 * accuracy, right, data.held_out.size());
    std::printf("Samples per second   %s\n", digits::grouped(result.samples_per_second).c_str());
    std::printf("Time communicating   %.1f %%, waiting for slower ranks included\n", 100 * result.communicating);
    digits::show(result.counts);
    if (!result.mistakes.empty() && (options.draw == "always" || (options.draw == "auto" && screen.terminal)))
        digits::draw(result.mistakes, screen);

    if (accuracy >= options.require_accuracy) return 0;
    std::fprintf(stderr, "digits: the accuracy %.4f is below the required %.4f\n", accuracy, options.require_accuracy);
    return 1;
} catch (CLI::ParseError const& stop) {  // its text is out already
    return stop.get_exit_code() == 0 ? 0 : 2;
} catch (digits::bad_data const& problem) {
    std::fprintf(stderr, "digits: %s\n", problem.what());
    return 2;
} catch (tutti::usage_error const& problem) {  // a TUTTI_RANKS that is no number of ranks
    std::fprintf(stderr, "digits: %s\n", problem.what());
    return 2;
} catch (std::exception const& problem) {
    std::fprintf(stderr, "digits: %s\n", problem.what());
    return 1;
}
