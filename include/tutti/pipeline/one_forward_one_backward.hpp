#pragma once

#include <tutti/pipeline/schedule.hpp>

#include <algorithm>

namespace tutti::pipeline {

/// 1F1B: a stage takes as many micro-batches forward as there are stages behind it, then one forward and one back by turns, and at
/// last back what is left. While they take turns, two neighbours exchange: the activation of one micro-batch for the gradient of
/// another.
/// Cost:   stage s holds the saved activations of at most p - s micro-batches; idle (p - 1) (forward + backward) per stage, as
///         gpipe
/// Source: Narayanan et al. 2019, doi 10.1145/3341301.3359646, and 2021, arXiv:2104.04473, where it is flushed every step, as here
struct one_forward_one_backward {
    static constexpr stage_schedule steps(shape const& of, int stage) {
        using action = task::action;
        stage_schedule mine;
        int const m = of.micro_batches, ahead = std::min(of.stages - stage - 1, m);
        bool const is_first = stage == 0, is_last = stage + 1 == of.stages;
        for (int k = 0; k < ahead; ++k) detail::go_forward(mine, of, stage, k);
        for (int back = 0, there = ahead; there < m; ++back, ++there) {
            if (!is_first && back == 0) mine.add(action::receive_activation, there);
            mine.add(action::forward, there);
            if (!is_last) mine.add(action::send_activation, there, action::receive_gradient, back);
            mine.add(action::backward, back);
            if (!is_first && there + 1 < m) mine.add(action::send_gradient, back, action::receive_activation, there + 1);
            else if (!is_first) mine.add(action::send_gradient, back);
        }
        for (int back = m - ahead; back < m; ++back) detail::go_back(mine, of, stage, back);
        return mine;
    }
    /// The most micro-batches in flight on `stage`.
    static constexpr int in_flight(shape const& of, int stage) { return std::min(of.stages - stage, of.micro_batches); }
};

}  // namespace tutti::pipeline
