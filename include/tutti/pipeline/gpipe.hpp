#pragma once

#include <tutti/pipeline/schedule.hpp>

namespace tutti::pipeline {

/// Every stage takes all micro-batches forward, then all of them back, in the same order, so that gradients are summed as on one
/// rank.
/// Cost:   every stage holds the saved activations of all m micro-batches; idle (p - 1) (forward + backward) per stage
/// Source: Huang et al. 2019, arXiv:1811.06965
struct gpipe {
    static constexpr stage_schedule steps(shape const& of, int stage) {
        stage_schedule mine;
        for (int m = 0; m < of.micro_batches; ++m) detail::go_forward(mine, of, stage, m);
        for (int m = 0; m < of.micro_batches; ++m) detail::go_back(mine, of, stage, m);
        return mine;
    }
    /// The most micro-batches in flight on `stage`.
    static constexpr int in_flight(shape const& of, int /*stage*/) { return of.micro_batches; }
};

}  // namespace tutti::pipeline
