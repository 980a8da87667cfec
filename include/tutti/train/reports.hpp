#pragma once

#include <cstddef>
#include <cstdint>

namespace tutti {

/// How an epoch is run.
struct epoch_options {
    std::size_t batch = 64;      ///< samples per step over all ranks, >= 1; the last step of an epoch takes what is left
    std::size_t accumulate = 1;  ///< micro-batches a step is worked through in, >= 1: less memory, the same update; a pipeline
                                 ///< works on several at a time
    double clip_norm = 0;        ///< largest norm of the whole gradient, scaled down to it when above; 0: any
    std::size_t first_step = 0;  ///< steps of this epoch done already, to resume in its middle
};

/// How a data set is evaluated.
struct evaluate_options {
    std::size_t batch = 256;  ///< samples per batch over all ranks, >= 1
};

/// One optimiser step, as callbacks see it.
struct step_report {
    std::int64_t epoch = 0;    ///< from 0
    std::size_t step = 0;      ///< in the epoch, from 1
    std::size_t steps = 0;     ///< in the whole epoch
    std::size_t samples = 0;   ///< of the step, over all ranks
    double mean_loss = 0;      ///< over this rank's samples of the step, NaN where it had none; from `step`, over all ranks
    double gradient_norm = 0;  ///< of the whole gradient before clipping; 0 unless clipped
};

/// Bytes that one rank holds for a training: of what grows with the model, and all of the trainer's own in a device's memory.
struct rank_memory {
    std::size_t parameters = 0;
    std::size_t gradients = 0;
    std::size_t optimizer = 0;     ///< its state for the parameters that this rank updates
    std::size_t sync = 0;          ///< what the synchronisation policy keeps
    std::size_t accumulation = 0;  ///< sums over micro-batches; of a model in one piece none before an epoch with `accumulate`
    std::size_t activations = 0;   ///< of a stage during a step: what came over its cuts or is to go, and gradients of the loss
    std::size_t norms = 0;         ///< on a device, where `clip_norm` adds up squares: 64 KiB from the first step with it on

    std::size_t total() const { return parameters + gradients + optimizer + sync + accumulation + activations + norms; }
};

/// One epoch. The loss is equal on all ranks; times are this rank's.
struct epoch_report {
    std::int64_t epoch = 0;   ///< from 0
    std::size_t steps = 0;    ///< done in this call
    std::size_t samples = 0;  ///< gone through in this call, over all ranks
    double mean_loss = 0;     ///< over those samples, each before its own step's update
    double seconds = 0;
    double communicating = 0;  ///< seconds in exchanges, waiting for slower ranks included

    double samples_per_second() const { return seconds > 0 ? static_cast<double>(samples) / seconds : 0; }
};

}  // namespace tutti
