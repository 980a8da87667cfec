// Times steps of one training without exchange of gradients, with sync::all_reduce after the pass, and with sync::bucketed during it;
// in the same run, turn by turn. Run by `run`, over hosts made of network namespaces; or by mpirun.
#include "../peers/mpi_version.hpp"
#include "../report.hpp"
#include "../timing.hpp"
#include "../../examples/command_line.hpp"

#include <tutti/comm/mpi.hpp>
#include <tutti/tutti.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct options {
    std::size_t layers = 16, layer_bytes = 256 << 10, first_bytes = 256 << 10, bytes = 1 << 20;
    int repeats = 9, steps = 3;
    double work = 1;  // of a pass, to that of an exchange
    bool one_thread = false;
    std::string json;
};

/// Replicas that never exchange anything.
struct no_exchange {
    template <class Comm>
    struct bound {
        bound(Comm& /*world*/, no_exchange const& /*settings*/) {}
        void contribute(auto&& /*gradients*/, double /*weight*/) {}
        tutti::slice owned(std::size_t count) const { return {0, count}; }
        void publish(auto&& /*parameters*/) {}
    };
};

/// Layers whose gradients take a fixed number of operations each, from the last to the first.
struct deep {
    std::vector<std::vector<float>> weights, slopes;
    std::size_t rounds;  // over each layer

    deep(std::size_t layers, std::size_t size, std::size_t work)
        : weights(layers, std::vector<float>(size, 0.5f)),
          slopes(layers, std::vector<float>(size)),
          rounds{work} {}
    auto parameters() { return std::vector<std::span<float>>(weights.begin(), weights.end()); }
    auto gradients() { return std::vector<std::span<float>>(slopes.begin(), slopes.end()); }
    double loss_and_gradients(auto const& batch, auto const& announce) {
        float mean = 0;
        for (float const each : batch) mean += each / static_cast<float>(batch.size());
        for (std::size_t k = weights.size(); k-- > 0; announce(k)) {
            std::fill(slopes[k].begin(), slopes[k].end(), mean);
            for (std::size_t round = 0; round < rounds; ++round)
                for (std::size_t i = 0; i < slopes[k].size(); ++i) slopes[k][i] = slopes[k][i] * 0.999f + weights[k][i] * 0.001f;
        }
        return static_cast<double>(mean);
    }
};

double slowest(MPI_Comm group, double mine) {
    MPI_Allreduce(MPI_IN_PLACE, &mine, 1, MPI_DOUBLE, MPI_MAX, group);
    return mine;
}

/// Seconds that `act` takes on the slowest rank. Collective.
double seconds_of(MPI_Comm group, std::function<void()> const& act) {
    MPI_Barrier(group);
    auto const start = bench::clock::now();
    act();
    return slowest(group, bench::seconds_since(start));
}

/// How often a layer must be gone over for a pass to take `seconds` on the slowest rank. Collective.
std::size_t rounds_for(MPI_Comm group, options const& wanted, double seconds) {
    std::size_t const size = wanted.layer_bytes / sizeof(float);
    deep tried{wanted.layers, size, 20};
    std::array<float, 1> const batch{1};
    double fastest = 1e9;
    for (int repeat = 0; repeat < 5; ++repeat)
        fastest = std::min(fastest, seconds_of(group, [&] { tried.loss_and_gradients(batch, [](std::size_t) {}); }));
    return static_cast<std::size_t>(std::max(1.0, std::round(20 * seconds / slowest(group, fastest))));
}

template <class Sync>
auto trainer(tutti::comm::mpi& world, deep const& model, Sync sync) {
    return tutti::data_parallel_trainer{world, model, tutti::partition::strided{}, sync, tutti::optim::sgd{.learning_rate = 0.01}};
}

}  // namespace

int main(int argc, char** argv) {
    options wanted;
    bool quick = false;
    CLI::App app{
        "Times steps of a training without exchange of gradients, with an exchange after the pass, and during it. They take "
        "turns in every repeat; what is hidden is the median over repeats."};
    app.option_defaults()->always_capture_default();
    app.add_option("--layers", wanted.layers, "blocks of gradients")->check(CLI::PositiveNumber);
    app.add_option("--layer", wanted.layer_bytes, "bytes of each")->transform(CLI::AsSizeValue{false});
    app.add_option("--first-bucket", wanted.first_bytes, "its bytes")->transform(CLI::AsSizeValue{false});
    app.add_option("--bucket", wanted.bytes, "bytes of the others")->transform(CLI::AsSizeValue{false});
    app.add_option("--work", wanted.work, "time of a pass, to that of an exchange alone")->check(CLI::PositiveNumber);
    app.add_option("--steps", wanted.steps, "of each turn")->check(CLI::PositiveNumber);
    app.add_option("--repeats", wanted.repeats, "turns of each")->check(CLI::PositiveNumber);
    app.add_flag("--one-thread", wanted.one_thread, "no thread exchanges: what is started goes on when gradients are announced");
    app.add_option("--json", wanted.json, "write all measurements to this file")->check(bench::cannot_write);
    app.add_flag("--quick", quick, "little data and few turns: shows that it works, measures little");
    CLI11_PARSE(app, argc, argv);
    if (quick) wanted.layers = 4, wanted.repeats = 3, wanted.steps = 1;

    tutti::launch<tutti::comm::mpi>({.detachable = !wanted.one_thread}, [&](tutti::comm::mpi& world) {
        auto const group = world.native();
        std::size_t const size = wanted.layer_bytes / sizeof(float);
        std::vector<float> whole(wanted.layers * size);
        std::vector<double> exchanges;
        for (int repeat = 0; repeat < 4; ++repeat) exchanges.push_back(seconds_of(group, [&] { tutti::all_reduce(world, whole); }));
        double const exchange = slowest(group, bench::least(exchanges));
        deep const model{wanted.layers, size, rounds_for(group, wanted, wanted.work * exchange)};

        auto alone = trainer(world, model, no_exchange{});
        auto after = trainer(world, model, tutti::sync::all_reduce{});
        auto during = trainer(world, model, tutti::sync::bucketed{.first_bytes = wanted.first_bytes, .bytes = wanted.bytes});
        std::vector<float> const data(static_cast<std::size_t>(wanted.steps * world.size()), 1.0f);
        tutti::epoch_options const epoch{.batch = static_cast<std::size_t>(world.size())};
        std::array<std::function<void()>, 3> const run{[&] { alone.run_epoch(data, epoch); }, [&] { after.run_epoch(data, epoch); },
                                                       [&] { during.run_epoch(data, epoch); }};
        constexpr std::array names{"no exchange", "after the pass", "during it"};
        std::array<std::vector<double>, 3> times;
        for (int repeat = -1; repeat < wanted.repeats; ++repeat)
            for (std::size_t k = 0; k < run.size(); ++k) {
                std::size_t const turn = (k + static_cast<std::size_t>(repeat + 1)) % run.size();
                double const taken = seconds_of(group, run[turn]) / wanted.steps;
                if (repeat >= 0) times[turn].push_back(taken);
            }
        if (after.model().weights != during.model().weights) throw std::runtime_error{"the two trainings differ"};
        if (world.rank() != 0) return;

        std::vector<double> hidden;
        for (std::size_t k = 0; k < times[0].size(); ++k)
            hidden.push_back((times[1][k] - times[2][k]) / (times[1][k] - times[0][k]));
        auto const machine = bench::machine();
        bench::print(machine);
        char const* const rate = std::getenv("TUTTI_LINK_RATE");
        std::printf("%s, %d ranks, %s; %zu blocks of %s, buckets of %s, then %s; %s\n", bench::mpi_version().c_str(), world.size(),
                    rate ? rate : "links as they are", wanted.layers, bench::show_bytes(wanted.layer_bytes).c_str(),
                    bench::show_bytes(wanted.first_bytes).c_str(), bench::show_bytes(wanted.bytes).c_str(),
                    wanted.one_thread ? "exchanged in passing" : "exchanged by a thread of its own");
        nlohmann::json report{{"bench", "overlap"},    {"machine", machine},       {"mpi", bench::mpi_version()},
                              {"ranks", world.size()}, {"link", rate ? rate : ""}, {"one_thread", wanted.one_thread},
                              {"hidden", hidden}};
        for (std::size_t k = 0; k < names.size(); ++k) {
            std::printf("%-15s %8.1f ms per step\n", names[k], 1e3 * bench::median(times[k]));
            report["seconds_per_step"][names[k]] = times[k];
        }
        bench::print_verdict(bench::median(hidden) >= 0.5, "half of the exchange is hidden or more",
                             "hidden: " + bench::show_number(100 * bench::median(hidden)) + " %");
        bench::write(wanted.json, report);
    });
}
