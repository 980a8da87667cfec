#pragma once

#include "data.hpp"
#include "screen.hpp"

#include <array>
#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

namespace digits {

/// How many samples of each label were taken for which, row by row.
using confusion = std::array<double, 100>;

inline void show(confusion const& counts) {
    std::printf("\nA row for each digit: what it was taken for\n    ");
    for (int guess = 0; guess < 10; ++guess) std::printf("%4d", guess);
    for (std::size_t label = 0; label < 10; ++label) {
        std::printf("\n  %zu ", label);
        for (std::size_t guess = 0; guess < 10; ++guess) {
            double const count = counts[label * 10 + guess];
            if (count == 0) std::printf("   .");
            else std::printf("%4.0f", count);
        }
    }
    std::puts("");
}

struct mistake {
    sample const* digit;
    int taken_for;
};

/// Draws up to four of them side by side.
inline void draw(std::vector<mistake> mistakes, screen const& on) {
    if (mistakes.size() > 4) mistakes.resize(4);
    std::puts("");
    for (auto const& [digit, taken_for] : mistakes) std::printf("is %d, taken for %d   ", digit->label, taken_for);
    for (Eigen::Index row = 0; row < 8; ++row) {
        std::puts("");
        for (auto const& each : mistakes) {
            for (Eigen::Index column = 0; column < 8; ++column) {
                float const ink = each.digit->pixels[8 * row + column];
                char const* const blocks[]{" ", "░", "▒", "▓", "█"};
                auto const shade = on.unicode ? std::string{blocks[static_cast<std::size_t>(ink * 4.99f)]}
                                              : std::string(1, " .:-=+*#%@"[static_cast<std::size_t>(ink * 9.99f)]);
                std::fputs((shade + shade).c_str(), stdout);  // a character is half as wide as it is high
            }
            std::fputs("    ", stdout);
        }
    }
    std::puts("");
}

}  // namespace digits
