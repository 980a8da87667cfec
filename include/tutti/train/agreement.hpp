#pragma once

#include <tutti/collectives/all_gather.hpp>
#include <tutti/concepts/blocks.hpp>
#include <tutti/concepts/model.hpp>
#include <tutti/detail/to_text.hpp>
#include <tutti/error.hpp>

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
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

/// Compares what must be equal on all ranks. Collective.
/// @throws usage_error  on every rank, when something differs: what, and on which rank
template <class Comm, std::size_t N>
void agree(Comm& world, char const* where, agreed const (&values)[N]) {
    if (world.size() == 1) return;
    std::array<std::uint64_t, N> mine{};
    for (std::size_t k = 0; k < N; ++k) mine[k] = values[k].bits;
    std::vector<std::uint64_t> all(N * static_cast<std::size_t>(world.size()));
    all_gather(world, mine, all);
    for (std::size_t i = N; i < all.size(); ++i) {
        if (all[i] == all[i % N]) continue;
        auto const& [name, bits, text] = values[i % N];
        std::string const what{name}, rank = std::to_string(i / N);
        throw usage_error{
            "tutti: " + std::string{where} + ": " + what + " differs between ranks: " +
            (text ? text(all[i % N]) + " on rank 0, " + text(all[i]) + " on rank " + rank : "rank " + rank + "'s is not rank 0's")};
    }
}

/// The optimiser, once it and the shapes of the model have been looked at.
/// @throws usage_error  when gradients and parameters differ in shape, or a setting of the optimiser makes no sense
template <class Model, class Optimizer>
Optimizer checked(Model& model, Optimizer optimizer) {
    auto const parameters = block_sizes(parameters_of(model)), gradients = block_sizes(gradients_of(model));
    if (parameters.size() != gradients.size())
        throw usage_error{"tutti: the model has " + std::to_string(parameters.size()) + " blocks of parameters and " +
                          std::to_string(gradients.size()) + " of gradients"};
    for (std::size_t k = 0; k < parameters.size(); ++k)
        if (parameters[k] != gradients[k])
            throw usage_error{"tutti: block " + std::to_string(k) + " of the model has " + std::to_string(parameters[k]) +
                              " parameters and " + std::to_string(gradients[k]) + " gradients"};
    if (shape_of(parameters_of(model)) != shape_of(gradients_of(model)))
        throw usage_error{
            "tutti: the model's parameters and gradients are the same blocks in another nesting: their ranges differ in "
            "length"};
    optimizer.check();
    return optimizer;
}

}  // namespace tutti::detail
