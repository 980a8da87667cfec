#pragma once

#include <tutti/collectives/all_gather.hpp>
#include <tutti/concepts/blocks.hpp>
#include <tutti/concepts/model.hpp>
#include <tutti/concepts/optimizer.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/detail/to_text.hpp>
#include <tutti/error.hpp>
#include <tutti/train/update.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace tutti::detail {

/// Something that must be equal on all ranks: a number, or a hash of what is too long to print.
struct agreed {
    char const* name;
    std::uint64_t bits;
    std::string (*text)(std::uint64_t bits) = nullptr;  // null for a hash

    template <std::integral T>
    agreed(char const* what, T value)
        : name{what},
          bits{static_cast<std::uint64_t>(value)},
          text{[](std::uint64_t of) { return std::to_string(static_cast<T>(of)); }} {}
    agreed(char const* what, double value)
        : name{what},
          bits{std::bit_cast<std::uint64_t>(value)},
          text{[](std::uint64_t of) { return to_text(std::bit_cast<double>(of)); }} {}
    static agreed hash(char const* what, std::uint64_t value) {
        agreed all{what, value};
        all.text = nullptr;
        return all;
    }
};

/// The elements that ranks compare, by what compares them: ranks that are in different calls of a trainer, or some in none, are
/// told so, since a mismatch names the type of the elements.
namespace arguments_of {
struct data_parallel_trainer { std::uint64_t bits; };
struct run_epoch { std::uint64_t bits; };
struct evaluate { std::uint64_t bits; };
struct step { std::uint64_t bits; };
}  // namespace arguments_of

/// Compares what must be equal on all ranks. Collective.
/// @tparam Argument  of `arguments_of`
/// @throws usage_error  on every rank, when something differs: what, and on which rank
template <class Argument, class Comm, std::size_t N>
void agree(Comm& world, char const* where, agreed const (&values)[N]) {
    if (world.size() == 1) return;
    std::array<Argument, N> mine{};
    for (std::size_t k = 0; k < N; ++k) mine[k].bits = values[k].bits;
    std::vector<Argument> all(N * static_cast<std::size_t>(world.size()));
    all_gather(world, mine, all);
    for (std::size_t i = N; i < all.size(); ++i) {
        if (all[i].bits == all[i % N].bits) continue;
        auto const& [name, bits, text] = values[i % N];
        std::string const what{name}, rank = std::to_string(i / N);
        raise<usage_error>({"tutti: ", where, ": ", what, " differs between ranks: ",
                            text ? text(all[i % N].bits) + " on rank 0, " + text(all[i].bits) + " on rank " + rank
                                 : "rank " + rank + "'s is not rank 0's"});
    }
}

/// @throws usage_error  unless it is a norm
inline void check_clip_norm(char const* where, double clip_norm) {
    if (!(clip_norm >= 0))
        raise<usage_error>({"tutti: ", where, ": clip_norm = ", to_text(clip_norm), " must be 0 or more"});
}

/// A hash of an optimiser's settings, where it has `settings()`, and of how it moves some numbers in step 1. Not of its bytes: some
/// of them may be padding.
template <class Optimizer>
std::uint64_t fingerprint_of_rule(Optimizer const& rule) {
    using T = std::conditional_t<optimizer<Optimizer, double>, double, float>;
    std::array<T, 3> x{1, -2, 3}, first{2, 0, -1}, second{1, 4, 2};
    std::array<T, 3> const g{-1, 2, static_cast<T>(0.5)};
    int const slots = rule.slots();
    map_update(rule.template at<T>(1), std::span<T>{x}, [&](std::size_t i) { return g[i]; }, first.data(), second.data(), slots);
    std::vector<double> all{static_cast<double>(slots)};
    for (auto const& part : {x, first, second})
        for (T const each : part) all.push_back(static_cast<double>(each));
    if constexpr (requires { rule.settings(); })
        for (auto const each : rule.settings()) all.push_back(static_cast<double>(each));
    return fingerprint(std::span{all});
}

/// The lowest rank whose numbers are not rank 0's; 0 where all agree.
template <class Argument>
std::size_t first_to_differ(std::vector<Argument> const& all, std::size_t each) {
    for (std::size_t i = each; i < all.size(); ++i)
        if (all[i].bits != all[i % each].bits) return i / each;
    return 0;
}

/// Compares the ranks' optimisers. Collective.
/// @tparam Argument  of `arguments_of`
/// @throws usage_error  on every rank, when they differ: in which of their settings, where they have `settings()` that show it
template <class Argument, class Comm, class Optimizer>
void agree_on_rule(Comm& world, char const* where, Optimizer const& rule) {
    if (world.size() == 1) return;
    std::size_t const other = first_to_differ(all_gather(world, Argument{fingerprint_of_rule(rule)}), 1);
    if (other == 0) return;
    if constexpr (requires { rule.settings(); }) {  // all ranks have found the same, so all come here
        std::vector<Argument> mine;
        for (auto const each : rule.settings()) mine.push_back({std::bit_cast<std::uint64_t>(static_cast<double>(each))});
        if (first_to_differ(all_gather(world, Argument{mine.size()}), 1) == 0) {
            std::vector<Argument> all(mine.size() * static_cast<std::size_t>(world.size()));
            all_gather(world, mine, all);
            for (std::size_t k = 0; k < mine.size(); ++k) {
                auto const text = [&](std::size_t rank) { return to_text(std::bit_cast<double>(all[rank * mine.size() + k].bits)); };
                if (all[k].bits != all[other * mine.size() + k].bits)
                    raise<usage_error>({"tutti: ", where, ": settings()[", k, "] differs between ranks: ", text(0),
                                        " on rank 0, ", text(other), " on rank ", other});
            }
            raise<usage_error>({"tutti: ", where, ": of equal settings(), it makes another first step on rank ", other, " than on rank 0"});
        }
    }
    raise<usage_error>({"tutti: ", where, ": the list of its settings differs between ranks: rank ", other, "'s is not rank 0's"});
}

/// What ranks tell one another in `step`: sums of what they bring, and the extremes of what must be equal.
struct step_totals {
    double samples, loss;
    std::uint64_t least_clip, largest_clip;  // bits of clip_norm, so that no number that is not one gets lost
    std::int64_t least_done, largest_done;   // optimiser steps

    step_totals(std::size_t of_samples, double loss_sum, double clip_norm, std::int64_t steps_done)
        : samples{static_cast<double>(of_samples)},
          loss{loss_sum},
          least_clip{std::bit_cast<std::uint64_t>(clip_norm)},
          largest_clip{least_clip},
          least_done{steps_done},
          largest_done{steps_done} {}

    /// @throws usage_error  when something that must be equal is not, or makes no sense
    void check() const {
        double const least = std::bit_cast<double>(least_clip), largest = std::bit_cast<double>(largest_clip);
        if (least_clip != largest_clip)
            raise<usage_error>({"tutti: step: clip_norm differs between ranks: ", to_text(least), " and ", to_text(largest)});
        if (least_done != largest_done)
            raise<usage_error>({"tutti: step: the number of steps done differs between ranks: ", least_done, " and ",
                                largest_done});
        check_clip_norm("step", least);
        if (samples == 0) throw usage_error{"tutti: step: no rank brought a sample"};
    }
};

struct join_totals {
    step_totals operator()(step_totals a, step_totals const& b) const {
        a.samples += b.samples, a.loss += b.loss;
        a.least_clip = std::min(a.least_clip, b.least_clip), a.largest_clip = std::max(a.largest_clip, b.largest_clip);
        a.least_done = std::min(a.least_done, b.least_done), a.largest_done = std::max(a.largest_done, b.largest_done);
        return a;
    }
};

/// The optimiser, once it and the shapes of the model have been looked at.
/// @throws usage_error  when gradients and parameters differ in shape, or a setting of the optimiser makes no sense
template <class Model, class Optimizer>
Optimizer checked(Model& model, Optimizer optimizer) {
    auto const parameters = block_sizes(parameters_of(model)), gradients = block_sizes(gradients_of(model));
    if (parameters.size() != gradients.size())
        raise<usage_error>({"tutti: the model has ", parameters.size(), " blocks of parameters and ", gradients.size(),
                            " of gradients"});
    for (std::size_t k = 0; k < parameters.size(); ++k)
        if (parameters[k] != gradients[k])
            raise<usage_error>({"tutti: block ", k, " of the model has ", parameters[k], " parameters and ", gradients[k],
                                " gradients"});
    if (shape_of(parameters_of(model)) != shape_of(gradients_of(model)))
        throw usage_error{
            "tutti: the model's parameters and gradients are the same blocks in another nesting: their ranges differ in "
            "length"};
    optimizer.check();
    return optimizer;
}

}  // namespace tutti::detail
