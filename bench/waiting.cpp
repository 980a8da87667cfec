// How long thread ranks wait for one another when they have fewer cores than they want: an all_reduce of 8 bytes, and, for comparison,
// a barrier of a mutex and a condition variable, beside threads that compute without end, as other programs would.
#include "report.hpp"
#include "timing.hpp"

#include "../examples/command_line.hpp"

#include <tutti/tutti.hpp>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

class sleeping_barrier {
public:
    explicit sleeping_barrier(int ranks) : ranks_{ranks} {}
    void arrive_and_wait() {
        std::unique_lock lock{mutex_};
        if (++here_ == ranks_) {
            here_ = 0, ++turn_;
            all_here_.notify_all();
        } else {
            all_here_.wait(lock, [this, turn = turn_] { return turn_ != turn; });
        }
    }

private:
    std::mutex mutex_;
    std::condition_variable all_here_;
    int ranks_, here_ = 0;
    std::size_t turn_ = 0;
};

/// Threads that keep cores from others until the end of their life.
class busy_threads {
public:
    explicit busy_threads(int count) {
        for (int k = 0; k < count; ++k)
            threads_.emplace_back([this] {
                while (!over_.load(std::memory_order_relaxed)) {}
            });
    }
    ~busy_threads() {
        over_ = true;
        for (auto& each : threads_) each.join();
    }

private:
    std::atomic<bool> over_{false};
    std::vector<std::thread> threads_;
};

/// Microseconds of a meeting: by all_reduce, and by the barrier, in turn.
std::array<std::vector<double>, 2> measure(int ranks, int busy, double seconds, int repeats) {
    std::array<std::vector<double>, 2> found;
    busy_threads const others{busy};
    sleeping_barrier barrier{ranks};
    tutti::launch<tutti::comm::threads>(ranks, [&](auto& world) {
        std::array<float, 2> data{};
        for (int turn = 0; turn < 2 * repeats; ++turn) {
            std::size_t meetings = 0;
            auto const start = bench::clock::now();
            for (double past = 0; past < seconds; past = tutti::all_reduce(world, bench::seconds_since(start), tutti::maximum{}))
                for (int k = 0; k < 20; ++k, ++meetings)
                    if (turn % 2 == 0) tutti::all_reduce(world, data);
                    else barrier.arrive_and_wait();
            if (world.rank() == 0)
                found[turn % 2].push_back(bench::seconds_since(start) * 1e6 / static_cast<double>(meetings));
        }
    });
    return found;
}

}  // namespace

int main(int argc, char** argv) try {
    std::vector<int> all_ranks{2, 4, 16}, all_busy{0, 2, 8};
    double seconds = 1;
    int repeats = 5;
    std::string json;
    bool quick = false;
    CLI::App app{"How long thread ranks wait for one another beside threads that keep their cores busy: an all_reduce of 8 bytes, and a "
                 "barrier of a mutex and a condition variable; microseconds a call, medians over repeats.",
                 "waiting"};
    app.option_defaults()->always_capture_default();
    app.add_option("--ranks", all_ranks, "thread ranks")->check(CLI::Range(2, 1024));
    app.add_option("--busy", all_busy, "threads beside them that compute without end")->check(CLI::Range(0, 1024));
    app.add_option("--seconds", seconds, "length of a turn")->check(CLI::PositiveNumber);
    app.add_option("--repeats", repeats, "turns of each kind")->check(CLI::PositiveNumber);
    app.add_flag("--quick", quick, "few and short turns: shows that it works, measures little");
    app.add_option("--json", json, "write all measurements to this file")->check(bench::cannot_write)->default_str("");
    CLI11_PARSE(app, argc, argv);
    if (quick) all_ranks = {2, 4}, all_busy = {0, 2}, seconds = 0.05, repeats = 2;

    nlohmann::json report{{"bench", "waiting"}, {"machine", bench::machine()}, {"seconds", seconds}};
    bench::print(report["machine"]);
    std::printf("\n%5s %5s %14s %14s %8s\n", "ranks", "busy", "all_reduce us", "barrier us", "ratio");
    for (int const busy : all_busy)
        for (int const ranks : all_ranks) {
            auto const found = measure(ranks, busy, seconds, repeats);
            double const ratio = bench::median_ratio(found[0], found[1]);
            std::printf("%5d %5d %14s %14s %8.2f\n", ranks, busy, bench::show_number(bench::median(found[0])).c_str(),
                        bench::show_number(bench::median(found[1])).c_str(), ratio);
            std::fflush(stdout);
            report["rows"].push_back(
                {{"ranks", ranks}, {"busy", busy}, {"all_reduce_us", found[0]}, {"barrier_us", found[1]}, {"ratio", ratio}});
        }
    bench::write(json, report);
} catch (std::exception const& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    return 1;
}
