// Measures what makes each collective fastest here, and saves it as a table. Try: tune --ranks 4 --save mine.choices
#include "command_line.hpp"

#include <tutti/tutti.hpp>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <fstream>
#include <functional>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

int main(int argc, char** argv) try {
    int ranks = 2, seconds = 60;
    std::string path;
    tutti::tune_options options;
    CLI::App app{"Measures what makes each collective fastest on thread ranks, and saves it as a table.\n", "tune"};
    app.option_defaults()->always_capture_default();
    app.add_option("--ranks", ranks, "threads that take part")->check(CLI::Range(1, 64));
    app.add_option("--sizes", options.sizes, "bytes of one part to measure at, ascending");
    app.add_option("--repetitions", options.repetitions, "of each measurement")->check(CLI::Range(1, 1000));
    app.add_option("--seconds", seconds, "after which to stop")->check(CLI::Range(1, 3600));
    app.add_option("--save", path, "write the table to this file")->type_name("FILE");
    CLI11_PARSE(app, argc, argv);
    options.time_limit = std::chrono::seconds{seconds};

    bool right = true;
    tutti::launch<tutti::comm::threads>(ranks, [&](auto& world) {
        auto mine = options;
        if (world.rank() == 0)
            mine.progress = [](tutti::tune_progress const& now) {
                std::fprintf(stderr, "\r%d of %d", now.done, now.points);
                if (now.done == now.points) std::fprintf(stderr, "\n");
            };
        auto table = tutti::tune(world, mine);
        auto const why = tutti::explain(world, tutti::collective::all_reduce, options.sizes.back(), {.table = &table});
        if (world.rank() == 0) {
            std::printf("%s\n%s", tutti::to_text(table).c_str(), why.c_str());
            if (!path.empty()) {
                std::ofstream{path} << table;
                std::ifstream file{path};
                std::string const text{std::istreambuf_iterator<char>{file}, {}};
                if (!file || tutti::parse_choices(text) != table) throw std::runtime_error{"cannot write " + path};
            }
        }
        // A table changes who makes a call, and not what comes out.
        bool same = true;
        for (std::size_t const bytes : options.sizes) {
            std::vector<int> x(bytes / sizeof(int), world.rank() + 1);
            tutti::all_reduce(world, x, std::plus<>{}, tutti::algorithm::chosen_by{table});
            for (int const each : x) same = same && each == ranks * (ranks + 1) / 2;
        }
        same = tutti::all_reduce(world, same, std::logical_and<>{});
        if (world.rank() == 0) right = same;
    });
    return right ? 0 : 1;
} catch (std::exception const& problem) {
    std::fprintf(stderr, "tune: %s\n", problem.what());
    return 2;
}
