#pragma once

#include "screen.hpp"
#include "settings.hpp"

#include <array>
#include <cstddef>
#include <cstdio>
#include <iterator>
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
    std::size_t digit;  // of those held out
    int taken_for;
};

/// Draws up to four of them side by side.
template <class Sample>
void draw(std::vector<mistake> mistakes, std::vector<Sample> const& held_out, screen const& on) {
    if (mistakes.size() > 4) mistakes.resize(4);
    std::puts("");
    for (auto const& [digit, taken_for] : mistakes) std::printf("is %d, taken for %d   ", held_out[digit].label, taken_for);
    for (int row = 0; row < 8; ++row) {
        std::puts("");
        for (auto const& each : mistakes) {
            for (int column = 0; column < 8; ++column) {
                float const ink = std::begin(held_out[each.digit].pixels)[8 * row + column];
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

/// What a training came to.
struct outcome {
    bool diverged = false;
    std::vector<double> losses{};  // mean, of each epoch
    double samples_per_second = 0, communicating = 0;
    confusion counts{};
    std::vector<mistake> mistakes{};
};

/// Prints what came out; returns the share of the held-out digits that was told right.
template <class Sample>
double show(outcome const& result, options const& chosen, std::vector<Sample> const& held_out, screen const& on) {
    double right = 0;
    for (std::size_t label = 0; label < 10; ++label) right += result.counts[11 * label];
    double const accuracy = right / static_cast<double>(held_out.size());
    std::printf("\nHeld-out accuracy    %.2f %%, %.0f of %zu\n", 100 * accuracy, right, held_out.size());
    std::printf("Samples per second   %s\n", grouped(result.samples_per_second).c_str());
    std::printf("Time communicating   %.1f %% (waiting for slower ranks and for other programs on these cores counts)\n",
                100 * result.communicating);
    show(result.counts);
    if (!result.mistakes.empty() && (chosen.draw == "always" || (chosen.draw == "auto" && on.terminal)))
        draw(result.mistakes, held_out, on);
    return accuracy;
}

}  // namespace digits
