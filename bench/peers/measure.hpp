#pragma once

// What the programs of this directory share, so that they differ in their calls alone: options, buffers, timing, lines of JSON.

#include "../timing.hpp"
#include "../../examples/command_line.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace bench {

enum class collective { all_reduce, reduce_scatter, all_gather, broadcast, all_to_all };

inline std::map<std::string, collective> const collectives{{"all_reduce", collective::all_reduce},
                                                           {"reduce_scatter", collective::reduce_scatter},
                                                           {"all_gather", collective::all_gather},
                                                           {"broadcast", collective::broadcast},
                                                           {"all_to_all", collective::all_to_all}};

struct options {
    std::string kind = "all_reduce";
    int ranks = 2;
    std::vector<std::size_t> sizes{8, 4 << 10, 256 << 10};  // bytes
    double milliseconds = 200;
    std::size_t rotate = 64 << 20;
    unsigned seed = 1;
    bool window = false;
};

/// What a program's command line takes besides what all take.
struct takes {
    bool ranks = false;   ///< a launcher starts them otherwise
    bool window = false;  ///< buffers may lie in memory that ranks share
};

/// Reads the command line; gives an exit status where nothing is to be measured.
inline std::optional<int> read(int argc, char** argv, takes also, std::string const& what, options& wanted) {
    CLI::App app{what + " Prints a line of JSON per size and kind of buffers."};
    app.option_defaults()->always_capture_default();
    app.add_option("--collective", wanted.kind, "what to time, on floats; reductions are sums")->check(CLI::IsMember{collectives});
    if (also.ranks) app.add_option("--ranks", wanted.ranks, "how many to start")->check(CLI::Range(1, 64));
    if (also.window)
        app.add_option_function<std::string>(
               "--memory", [&](std::string const& where) { wanted.window = where == "window"; },
               "where buffers lie: on the heap, or in a window, memory that the ranks share")
            ->check(CLI::IsMember{{"heap", "window"}})
            ->default_str("heap");
    app.add_option("--sizes", wanted.sizes,
                   "bytes of a rank's larger buffer, such as 8 64KiB 1MiB; rounded down to whole floats, at least one per part")
        ->transform(CLI::AsSizeValue{false});
    app.add_option("--milliseconds", wanted.milliseconds, "what the calls of a line should take together")
        ->check(CLI::PositiveNumber);
    app.add_option("--rotate", wanted.rotate,
                   "after one buffer, also time buffers taken in turn from so many bytes per rank, up to 1024; 0: do not")
        ->transform(CLI::AsSizeValue{false});
    app.add_option("--seed", wanted.seed, "of the numbers on which the results are checked");
    try {
        app.parse(argc, argv);
    } catch (CLI::ParseError const& problem) { return app.exit(problem); }
    return {};
}

/// What a rank brings and gets. All_reduce and broadcast are in place: `out` is `in`.
struct buffers {
    std::span<float> in, out;
};

struct alignas(64) line {
    float values[16]{};
};

/// Lines of zeros, which live as long as this.
using lines = std::shared_ptr<line[]>;

/// One rank's buffers, taken in turn. They start at a cache line and keep off strides of a power of two, which collide in caches.
class buffer_ring {
public:
    /// @param memory  gives as many lines as it is asked for
    template <class Memory>
    buffer_ring(collective kind, std::size_t ranks, std::size_t bytes, std::size_t rotate, Memory memory) {
        bool const split = kind != collective::all_reduce && kind != collective::broadcast;
        std::size_t const part = std::max<std::size_t>(1, bytes / sizeof(float) / (split ? ranks : 1));
        in_ = kind == collective::all_gather || !split ? part : ranks * part;
        out_ = kind == collective::reduce_scatter || !split ? part : ranks * part;
        std::size_t const largest = std::max(in_, out_);
        bytes_ = largest * sizeof(float);
        stride_ = std::max<std::size_t>(page / sizeof(line), (bytes_ + sizeof(line) - 1) / sizeof(line)) + 1;
        count_ = std::clamp<std::size_t>(rotate / bytes_, 1, 1024);
        brought_ = memory(stride_ * count_);
        if (split) got_ = memory(stride_ * count_);
    }

    std::size_t count() const { return count_; }
    std::size_t bytes() const { return bytes_; }
    void next() { at_ = at_ + 1 == count_ ? 0 : at_ + 1; }
    buffers now() {
        std::span const in{brought_[at_ * stride_].values, in_};
        return {in, got_ ? std::span{got_[at_ * stride_].values, out_} : in};
    }

private:
    static constexpr std::size_t page = 4096;
    lines brought_, got_;
    std::size_t in_, out_, bytes_, stride_, count_, at_ = 0;
};

/// One rank that times `Peer`'s calls. A peer has
///   name(), version()         who it is
///   rank(), size()
///   barrier()
///   largest(span<float>)      replaces each number by the largest of all ranks'
///   memory(size_t)            where its buffers do not lie on the heap: so many lines
///   prepare(collective, buffers)  where its calls need it: before the first call on these buffers
///   call(collective, buffers) makes the call on floats, from or to rank 0 where there is a root; returns where its result lies
template <class Peer>
class measurement {
public:
    measurement(Peer& peer, options const& wanted) : peer_{peer}, wanted_{wanted}, kind_{collectives.at(wanted.kind)} {
        auto const start = clock::now();
        while (seconds_since(start) < 0.1) {}  // until the system has given each busy rank a core, where there are enough
    }

    void run() {
        for (std::size_t const bytes : wanted_.sizes) {
            time(bytes, 0);
            if (wanted_.rotate / bytes > 1) time(bytes, wanted_.rotate);
        }
    }

private:
    static constexpr int most = 200'000, fewest = 10;

    void time(std::size_t bytes, std::size_t rotate) {
        buffer_ring ring{kind_, static_cast<std::size_t>(peer_.size()), bytes, rotate, [&](std::size_t count) {
                             if constexpr (requires { peer_.memory(count); }) return peer_.memory(count);
                             else return lines{new line[count]};
                         }};
        if constexpr (requires { peer_.prepare(kind_, ring.now()); })
            for (std::size_t i = 0; i < ring.count(); ++i, ring.next()) peer_.prepare(kind_, ring.now());
        check(ring);
        double const budget = wanted_.milliseconds / 1000;
        int warm = 1;
        double once = calls(ring, warm);
        for (; once * warm < budget / 10 && warm < most / 10; once = calls(ring, warm) / warm) warm *= 4;
        int const iterations = static_cast<int>(std::clamp<double>(budget / once, fewest, most));
        calls(ring, iterations);
        if (peer_.rank() == 0) print(ring);
    }

    /// Fills `times_` with the microseconds of each call on the slowest rank, behind a barrier that is not timed.
    /// @returns seconds that all took, with barriers
    double calls(buffer_ring& ring, int count) {
        times_.resize(static_cast<std::size_t>(count));
        auto const start = clock::now();
        for (float& each : times_) {
            auto const now = ring.now();
            peer_.barrier();
            auto const before = clock::now();
            peer_.call(kind_, now);
            each = std::chrono::duration<float, std::micro>(clock::now() - before).count();
            ring.next();
        }
        float whole = static_cast<float>(seconds_since(start));
        peer_.largest(std::span{&whole, 1});
        peer_.largest(times_);
        return static_cast<double>(whole);
    }

    void print(buffer_ring const& ring) {
        std::sort(times_.begin(), times_.end());
        auto const percentile = [&](double share) {  // the nearest rank's, to the nanosecond
            auto const rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(times_.size())));
            return std::round(static_cast<double>(times_[std::max<std::size_t>(rank, 1) - 1]) * 1000) / 1000;
        };
        nlohmann::ordered_json const line{{"peer", peer_.name()},        {"version", peer_.version()},
                                          {"collective", wanted_.kind},  {"ranks", peer_.size()},
                                          {"bytes", ring.bytes()},       {"buffers", ring.count()},
                                          {"iterations", times_.size()}, {"median_us", percentile(0.5)},
                                          {"p99_us", percentile(0.99)},  {"min_us", percentile(0)}};
        std::printf("%s\n", line.dump().c_str());
        std::fflush(stdout);
    }

    float brought(int rank, std::size_t i) const {
        return static_cast<float>((wanted_.seed + 31 * static_cast<std::size_t>(rank) + i) % 251);
    }

    float expected(std::size_t i, std::size_t part) const {
        auto const me = static_cast<std::size_t>(peer_.rank());
        auto const sum = [&](std::size_t at) {
            float all = 0;
            for (int rank = 0; rank < peer_.size(); ++rank) all += brought(rank, at);
            return all;
        };
        switch (kind_) {
        case collective::all_reduce:
            return sum(i);
        case collective::reduce_scatter:
            return sum(me * part + i);
        case collective::all_gather:
            return brought(static_cast<int>(i / part), i % part);
        case collective::broadcast:
            return brought(0, i);
        case collective::all_to_all:
            break;
        }
        return brought(static_cast<int>(i / part), me * part + i % part);
    }

    /// The peer does what it is timed for. Leaves zeros, whose sums stay finite.
    void check(buffer_ring& ring) {
        auto const [in, out] = ring.now();
        for (std::size_t i = 0; i < in.size(); ++i) in[i] = brought(peer_.rank(), i);
        auto const result = peer_.call(kind_, {in, out});
        std::size_t const part = std::max(in.size(), out.size()) / static_cast<std::size_t>(peer_.size());
        for (std::size_t i = 0; i < result.size(); ++i)
            if (result[i] != expected(i, part))
                throw std::runtime_error{std::string{peer_.name()} + ": " + wanted_.kind + " of " + std::to_string(ring.bytes()) +
                                         " bytes: element " + std::to_string(i) + " is wrong on rank " +
                                         std::to_string(peer_.rank())};
        peer_.barrier();  // none is still sending
        std::fill(in.begin(), in.end(), 0.f);
        std::fill(out.begin(), out.end(), 0.f);
    }

    Peer& peer_;
    options const& wanted_;
    collective kind_;
    std::vector<float> times_;
};

}  // namespace bench
