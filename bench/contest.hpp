#pragma once

#include "raw_all_reduce.hpp"
#include "timing.hpp"

#include <tutti/tutti.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace bench {

enum contender : std::size_t { ours, raw, copying };
constexpr std::array<char const*, 3> contender_names{"tutti", "raw", "memcpy"};

/// How calls are timed: each by itself, behind a barrier that is not timed (as the OSU benchmarks), or many in a row.
enum class timing { each, in_a_row };

/// Microseconds per call by contender and repeat, none of a contender that did not take part.
struct row {
    timing how;
    std::size_t bytes;
    std::array<std::vector<double>, 3> slowest{}, mean{};  // the slowest rank's; the mean over ranks
};

struct rules {
    int repeats = 15;
    double milliseconds = 4;  ///< what a contender's calls of one repeat should take together
    std::size_t rotate = 0;   ///< bytes of buffers that a rank takes in turn
    std::size_t offset = 0;   ///< bytes between the start of a cache line and that of a buffer
    bool touch = false;       ///< whether ranks rewrite their buffers before each call that is timed by itself
};

/// One rank's buffers, taken in turn: those that are summed, and those that memcpy writes to.
class buffer_ring {
public:
    buffer_ring(std::size_t bytes, rules const& wanted)
        : shift_{wanted.offset / sizeof(float)},
          stride_{(wanted.offset + bytes + sizeof(line) - 1) / sizeof(line)},
          data_(stride_ * std::max<std::size_t>(1, wanted.rotate / (stride_ * sizeof(line)))),
          other_(data_.size()) {}

    float* data() { return data_[at_].values + shift_; }
    float* other() { return other_[at_].values + shift_; }
    void next() { at_ = at_ + stride_ == data_.size() ? 0 : at_ + stride_; }

private:
    struct alignas(64) line {
        float values[16]{};
    };
    std::size_t shift_, stride_, at_ = 0;
    std::vector<line> data_, other_;
};

/// One rank of the contest. Contenders take turns in every repeat, so that what disturbs the machine disturbs all alike.
template <class Comm>
class contest {
public:
    contest(Comm& world, rules const& wanted, raw_all_reduce::meeting_place& meeting)
        : world_{world},
          wanted_{wanted},
          raw_{meeting, world.rank()} {
        auto const start = clock::now();
        while (seconds_since(start) < 0.2) {}  // until the system has given each busy thread a core, where there are enough
    }

    /// Collective.
    row measure(std::size_t bytes, timing how) {
        buffer_ring buffers{bytes, wanted_};
        std::vector<contender> contenders{ours};
        bool const crowded = static_cast<unsigned>(world_.size()) > std::thread::hardware_concurrency();
        if (world_.size() == 2 && !crowded) contenders.push_back(raw);
        if (how == timing::in_a_row || !crowded) contenders.push_back(copying);  // crowded, a copy would often run alone
        std::array<int, 3> calls{};
        for (auto const who : contenders) {
            check(who, buffers, bytes);
            time(who, buffers, bytes, how, 2);
            auto const start = clock::now();
            time(who, buffers, bytes, how, 5);
            double const once = tutti::all_reduce(world_, seconds_since(start) / 5, larger);
            calls[who] = static_cast<int>(std::clamp(wanted_.milliseconds / 1000 / once, 1.0, 1e5));
            time(who, buffers, bytes, how, calls[who]);
        }
        row result{how, bytes};
        for (int repeat = 0; repeat < wanted_.repeats; ++repeat)
            for (auto const who : contenders) {
                double const mine = time(who, buffers, bytes, how, calls[who]) * 1e6;
                result.slowest[who].push_back(tutti::all_reduce(world_, mine, larger));
                result.mean[who].push_back(tutti::all_reduce(world_, mine) / world_.size());
            }
        return result;
    }

private:
    static constexpr auto larger = [](double a, double b) { return std::max(a, b); };

    /// Makes the calls; returns this rank's seconds per call.
    double time(contender who, buffer_ring& buffers, std::size_t bytes, timing how, int calls) {
        std::size_t const n = bytes / sizeof(float);
        auto run = [&](auto call) {
            return how == timing::each ? time_each(buffers, n, calls, call) : time_in_a_row(buffers, calls, call);
        };
        switch (who) {
        case ours:
            return run([&] { tutti::all_reduce(world_, std::span{buffers.data(), n}); });
        case raw:
            return run([&] { raw_(buffers.data(), n); });
        case copying:
            break;
        }
        return run([&] { std::memcpy(buffers.other(), buffers.data(), bytes); });
    }

    template <class Call>
    double time_each(buffer_ring& buffers, std::size_t n, int calls, Call call) {
        clock::duration sum{};
        for (int i = 0; i < calls; ++i, buffers.next()) {
            if (wanted_.touch) std::fill_n(buffers.data(), n, 0.f);
            tutti::barrier(world_);
            auto const start = clock::now();
            call();
            sum += clock::now() - start;
        }
        return std::chrono::duration<double>(sum).count() / calls;
    }

    template <class Call>
    double time_in_a_row(buffer_ring& buffers, int calls, Call call) {
        tutti::barrier(world_);
        auto const start = clock::now();
        for (int i = 0; i < calls; ++i, buffers.next()) call();
        tutti::barrier(world_);
        return seconds_since(start) / calls;
    }

    /// A contender does what it is timed for. Leaves zeros, whose sums stay finite.
    void check(contender who, buffer_ring& buffers, std::size_t bytes) {
        std::span const data{buffers.data(), bytes / sizeof(float)};
        std::span const result{who == copying ? buffers.other() : buffers.data(), data.size()};
        int const mine = world_.rank() + 1, sum = world_.size() * (world_.size() + 1) / 2;
        std::fill(data.begin(), data.end(), static_cast<float>(mine));
        time(who, buffers, bytes, timing::in_a_row, 1);
        auto const right = std::count(result.begin(), result.end(), static_cast<float>(who == copying ? mine : sum));
        if (right != static_cast<std::ptrdiff_t>(data.size()))
            throw std::runtime_error{std::string{contender_names[who]} + " is wrong for " + std::to_string(bytes) + " bytes"};
        std::fill(data.begin(), data.end(), 0.f);
    }

    Comm& world_;
    rules const& wanted_;
    raw_all_reduce raw_;
};

}  // namespace bench
