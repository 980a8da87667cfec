#pragma once

#include "screen.hpp"

#include <tutti/train/reports.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>

namespace digits {

/// How far the training is: one live line on a terminal, else a line per epoch.
class progress {
public:
    progress(screen const& on, int epochs, std::size_t samples)
        : screen_{on},
          epochs_{epochs},
          samples_{samples},
          digits_{static_cast<int>(std::to_string(epochs).size())} {}

    progress(progress const&) = delete;
    ~progress() {
        if (open_) std::puts("");
    }

    void step(tutti::step_report const& step) {
        done_ += step.samples;
        if (step.step == 1) loss_sum_ = 0, losses_ = 0;
        if (!std::isnan(step.mean_loss)) loss_sum_ += step.mean_loss, ++losses_;  // a rank without samples in this step has none
        auto const now = clock::now();
        if (!screen_.terminal || now - drawn_ < std::chrono::milliseconds{100}) return;
        drawn_ = now;
        draw(step.epoch, losses_ > 0 ? loss_sum_ / losses_ : 0);
    }

    void epoch(tutti::epoch_report const& epoch) {
        if (!screen_.terminal)
            std::printf("epoch %*d/%d  loss %.4f  %9s samples/s\n", digits_, static_cast<int>(epoch.epoch) + 1, epochs_,
                        epoch.mean_loss, grouped(epoch.samples_per_second()).c_str());
        else if (epoch.epoch + 1 == epochs_) draw(epoch.epoch, epoch.mean_loss);
        std::fflush(stdout);
    }

private:
    using clock = std::chrono::steady_clock;

    void draw(std::int64_t epoch, double loss) {
        open_ = true;
        double const seconds = std::chrono::duration<double>(clock::now() - start_).count();
        double const whole = static_cast<double>(samples_) * epochs_, done = static_cast<double>(done_) / whole;
        double const rate = static_cast<double>(done_) / seconds;
        int room = screen::columns() - 1;
        std::string fields;
        auto add = [&](std::string& to, std::string const& field) {  // whole, or not at all
            if (static_cast<int>(field.size()) > room) return;
            to += field, room -= static_cast<int>(field.size());
        };
        std::string line;
        add(line, "epoch " + std::to_string(epoch + 1) + '/' + std::to_string(epochs_) + ' ');
        add(fields, "  loss " + decimal(loss, 4));
        add(fields, "  " + grouped(rate) + " samples/s");
        add(fields, "  " + decimal((whole - static_cast<double>(done_)) / rate, 1) + " s left");
        line += bar(done, std::clamp(room, 0, 24)) + fields;
        std::printf("\r%s\x1b[K", line.c_str());
        std::fflush(stdout);
    }

    static std::string decimal(double value, int digits) {
        char text[64];
        std::snprintf(text, sizeof text, "%.*f", digits, value);
        return text;
    }

    std::string bar(double share, int width) const {
        int const full = static_cast<int>(share * width + 0.5);
        std::string text;
        for (int k = 0; k < width; ++k) text += screen_.unicode ? (k < full ? "█" : "░") : (k < full ? "#" : ".");
        return text;
    }

    screen screen_;
    int epochs_;
    std::size_t samples_;
    int digits_;
    clock::time_point start_ = clock::now(), drawn_ = start_;
    bool open_ = false;  // whether the cursor stands in the live line
    std::size_t done_ = 0;
    double loss_sum_ = 0;  // of the epoch so far, on this rank
    int losses_ = 0;
};

}  // namespace digits
