#pragma once

#include <tutti/collectives/algorithm/ring.hpp>
#include <tutti/collectives/schedule.hpp>
#include <tutti/concepts/block_form.hpp>
#include <tutti/optim/adam.hpp>
#include <tutti/pipeline/gpipe.hpp>
#include <tutti/pipeline/one_forward_one_backward.hpp>
#include <tutti/pipeline/schedule.hpp>
#include <tutti/pipeline/timeline.hpp>
#include <tutti/pipeline/verify.hpp>
#include <tutti/sync/codec/power_sgd.hpp>
#include <tutti/sync/sharded.hpp>

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

/// Figures that papers publish, counted on the schedules, policies and codecs that tutti runs.
namespace papers {

/// More parameters than any model has, and few enough that no number of bytes overflows.
inline constexpr std::size_t most_parameters = 1'000'000'000'000'000;

/// @throws std::invalid_argument  for no ranks, or more parameters than that
inline void check_sizes(int ranks, std::size_t parameters) {
    if (ranks < 1) throw std::invalid_argument{"there must be at least 1 rank"};
    if (parameters > most_parameters) throw std::invalid_argument{"there can be no more than 1e15 parameters"};
}

/// What a pipeline's stages wait and hold in one step.
struct pipeline_figures {
    double least_idle, most_idle;  ///< slots per stage, until the last one is done
    int in_flight;                 ///< the most micro-batches whose activations a stage holds
    double end;                    ///< slots of the step
};

/// @throws std::runtime_error     when the schedule is unsound
/// @throws std::invalid_argument  for no stages or micro-batches, and when a way takes no time or more than 1e9 slots
template <class Schedule>
pipeline_figures count_pipeline(Schedule const& schedule, tutti::pipeline::shape const& shape, tutti::pipeline::costs const& cost) {
    if (shape.stages < 1 || shape.micro_batches < 1) throw std::invalid_argument{"there must be at least 1 stage and 1 micro-batch"};
    for (double const slots : {cost.forward, cost.backward})
        if (!(slots > 0 && slots <= 1e9)) throw std::invalid_argument{"a way forward or back takes more than 0 and at most 1e9 slots"};
    if (auto const found = verify(schedule, shape); !found) throw std::runtime_error{describe(found)};
    auto const whole = make_schedule(schedule, shape);
    pipeline_figures counted{idle_time(whole, 0, cost), 0, 0, run_on_clocks(whole, cost).end()};
    for (int stage = 0; stage < shape.stages; ++stage) {
        double const idle = idle_time(whole, stage, cost);
        counted.least_idle = std::min(counted.least_idle, idle), counted.most_idle = std::max(counted.most_idle, idle);
        counted.in_flight = std::max(counted.in_flight, whole.stages[static_cast<std::size_t>(stage)].in_flight());
    }
    return counted;
}

/// Bytes that a rank sends in a ring's all-reduce: the most of any rank.
/// @throws as check_sizes
inline std::size_t count_ring(int ranks, std::size_t numbers, std::size_t bytes_each) {
    check_sizes(ranks, numbers);
    std::size_t most = 0;
    for (int rank = 0; rank < ranks; ++rank) {
        std::size_t sent = 0;
        auto const mine = tutti::algorithm::ring::steps({tutti::collective::all_reduce, ranks, numbers}, rank);
        for (auto const& each : mine.steps)
            if (each.what == tutti::step::action::send) sent += each.count;
        most = std::max(most, sent);
    }
    return most * bytes_each;
}

/// A place in a group, without the group: what a policy is asked on.
struct place_in_group {
    int rank_, size_;
    int rank() const { return rank_; }
    int size() const { return size_; }
};

/// Bytes that a rank holds in ZeRO-1's training with half-precision numbers: parameters and gradients in half precision, and, of
/// what it owns, parameters in single precision and the optimiser's numbers. The most of any rank.
/// @throws as check_sizes
template <class Optimizer>
std::size_t count_sharded(int ranks, std::size_t parameters, Optimizer const& optimizer) {
    check_sizes(ranks, parameters);
    std::size_t most = 0;
    for (int rank = 0; rank < ranks; ++rank) {
        place_in_group world{rank, ranks};
        tutti::sync::sharded<1>::bound<place_in_group> const policy{world, {}};
        most = std::max(most, policy.owned(parameters).size());
    }
    return parameters * (2 + 2) + most * sizeof(float) * (1 + static_cast<std::size_t>(optimizer.slots()));
}

/// Matrices and vectors of a net's parameters, some of them several times.
struct block_list {
    std::vector<tutti::block_form> blocks{};

    block_list& add(std::size_t rows, std::size_t columns, int times = 1) {
        blocks.insert(blocks.end(), static_cast<std::size_t>(times), tutti::block_form{{rows, columns}});
        return *this;
    }
};

/// ResNet-18 as it is trained on CIFAR-10: kernels of output channels x (input channels x 3 x 3).
inline block_list resnet18() {
    block_list net;
    net.add(64, 3 * 9).add(64, 64 * 9, 4);
    for (std::size_t const channels : {std::size_t{128}, std::size_t{256}, std::size_t{512}})
        net.add(channels, channels / 2 * 9).add(channels, channels * 9, 3).add(channels, channels / 2);
    net.add(10, 512).add(10, 1);
    return net.add(64, 1, 2 * 5).add(128, 1, 2 * 5).add(256, 1, 2 * 5).add(512, 1, 2 * 5);  // batch norms
}

/// A language model of three LSTM layers of 650 on WikiText-2: the embedding's matrix, also that of the output, and its biases.
inline block_list lstm() {
    block_list net;
    net.add(28869, 650).add(28869, 1);
    return net.add(4 * 650, 650, 6).add(4 * 650, 1, 6);
}

/// Bytes of a net's gradients over those that PowerSGD hands to its all-reduces.
/// @throws tutti::usage_error     when rank is less than 1
/// @throws std::invalid_argument  for blocks without any number
inline double count_power_sgd(std::vector<tutti::block_form> const& blocks, int rank) {
    tutti::sync::codec::power_sgd const codec{.rank = rank};
    codec.check();
    if (tutti::bytes_of(blocks) == 0) throw std::invalid_argument{"the blocks have no numbers"};
    double sent = 0;
    for (auto const& each : blocks) sent += codec.traffic(each, 2).total();
    return static_cast<double>(tutti::bytes_of(blocks)) / sent;
}

/// "128x1152,10" as a matrix and a vector.
/// @throws std::invalid_argument  for what is no such list, and for more than 1e15 numbers
inline std::vector<tutti::block_form> parse_blocks(std::string_view text) {
    std::vector<tutti::block_form> blocks;
    auto number = [&]() -> std::size_t {
        std::size_t value = 0, digits = 0;
        while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9')
            value = 10 * value + static_cast<std::size_t>(text[digits++] - '0');
        if (digits == 0 || digits > 9) throw std::invalid_argument{"blocks are such as 512x4608,10"};
        text.remove_prefix(digits);
        return value;
    };
    auto skip = [&](char what) {
        bool const there = !text.empty() && text[0] == what;
        if (there) text.remove_prefix(1);
        return there;
    };
    std::size_t all = 0;
    do {
        std::size_t const rows = number();
        blocks.push_back({{rows, skip('x') ? number() : 1}});
        check_sizes(1, all += blocks.back().count());
    } while (skip(','));
    if (!text.empty()) throw std::invalid_argument{"blocks are such as 512x4608,10"};
    return blocks;
}

}  // namespace papers
