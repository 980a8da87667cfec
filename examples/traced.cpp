// Where the time of a training goes: prints what was called, and writes a trace for https://ui.perfetto.dev.
#include "line.hpp"

#include <tutti/tutti.hpp>

#include <cmath>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

int main(int argc, char** argv) try {
    std::string const path = argc > 1 ? argv[1] : "trace.json";
    std::vector<point> data;
    for (float x = -1; x < 1; x += 0.002f) data.push_back({x, 3 * x + 2});
    line fitted;
    tutti::comm::trace_summary calls;

    using tutti::comm::traced, tutti::comm::checked, tutti::comm::threads;
    tutti::launch<traced<checked<threads>>>(2, [&](auto& world) {
        tutti::data_parallel_trainer trainer{world, line{}, tutti::partition::shuffled{.seed = 1},
                                             tutti::sync::all_reduce{}, tutti::optim::sgd{.learning_rate = 0.1}};
        for (int epoch = 0; epoch < 20; ++epoch) trainer.run_epoch(data, {.batch = 64});
        world.write_trace(path);
        if (world.rank() == 0) {
            calls = world.summary();
            std::printf("%s", calls.table().c_str());
            fitted = trainer.model();
        }
    });

    std::printf("\ny = %.3f x + %.3f; the trace is in %s\n", static_cast<double>(fitted.weights[0]),
                static_cast<double>(fitted.weights[1]), path.c_str());
    std::size_t const steps = 20 * ((data.size() + 63) / 64);
    bool const right = std::abs(fitted.weights[0] - 3) < 1e-3f && std::abs(fitted.weights[1] - 2) < 1e-3f;
    bool const counted = calls.of(tutti::collective::all_reduce).calls >= steps;  // of the gradients, at each step
    return right && counted ? 0 : 1;
} catch (std::exception const& problem) {
    std::fprintf(stderr, "traced: %s\n", problem.what());
    return 1;
}
