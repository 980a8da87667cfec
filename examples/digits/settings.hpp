#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace digits {

/// What the programs let their users choose.
struct options {
    std::optional<int> ranks{};
    std::size_t batch = 256, accumulate = 1;
    int epochs = 20;
    double learning_rate = 0.1, momentum = 0.9;
    int hidden = 256;
    std::uint64_t seed = 1;
    std::string data = DIGITS_CSV, draw = "auto";
    double require_accuracy = 0;
};

}  // namespace digits
