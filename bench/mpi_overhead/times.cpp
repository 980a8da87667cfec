// Times collectives of plain MPI and of tutti on MPI that take turns in one process on the same buffers: to be started by `run`,
// which says what the times tell.
#include "../timing.hpp"

#include <tutti/comm/mpi.hpp>
#include <tutti/tutti.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

/// What a call is made on: buffers of equal size, and of their parts, as many as ranks, the first ones and this rank's.
struct arguments {
    tutti::comm::mpi& world;
    std::span<float> in, out, first_in, first_out, own_out;
    MPI_Comm group = world.native();
    int whole = static_cast<int>(in.size()), part = static_cast<int>(first_in.size());
    bool root = world.rank() == 0;
};

/// One collective, called both ways with the same arguments.
struct contest {
    char const* name;
    void (*plain)(arguments const&);
    void (*ours)(arguments const&);
};

using with = arguments const&;
void const* at_root(with a, float const* elsewhere) { return a.root ? MPI_IN_PLACE : elsewhere; }

contest const contests[]{
    {"all_reduce in place", [](with a) { MPI_Allreduce(MPI_IN_PLACE, a.out.data(), a.whole, MPI_FLOAT, MPI_SUM, a.group); },
     [](with a) { tutti::all_reduce(a.world, a.out); }},
    {"all_reduce", [](with a) { MPI_Allreduce(a.in.data(), a.out.data(), a.whole, MPI_FLOAT, MPI_SUM, a.group); },
     [](with a) { tutti::all_reduce(a.world, a.in, a.out); }},
    {"reduce_scatter",
     [](with a) { MPI_Reduce_scatter_block(a.in.data(), a.out.data(), a.part, MPI_FLOAT, MPI_SUM, a.group); },
     [](with a) { tutti::reduce_scatter(a.world, a.in, a.first_out); }},
    {"all_gather in place",
     [](with a) { MPI_Allgather(MPI_IN_PLACE, a.part, MPI_FLOAT, a.out.data(), a.part, MPI_FLOAT, a.group); },
     [](with a) { tutti::all_gather(a.world, a.own_out, a.out); }},
    {"all_gather",
     [](with a) { MPI_Allgather(a.in.data(), a.part, MPI_FLOAT, a.out.data(), a.part, MPI_FLOAT, a.group); },
     [](with a) { tutti::all_gather(a.world, a.first_in, a.out); }},
    {"broadcast", [](with a) { MPI_Bcast(a.out.data(), a.whole, MPI_FLOAT, 0, a.group); },
     [](with a) { tutti::broadcast(a.world, a.out, 0); }},
    {"all_to_all",
     [](with a) { MPI_Alltoall(a.in.data(), a.part, MPI_FLOAT, a.out.data(), a.part, MPI_FLOAT, a.group); },
     [](with a) { tutti::all_to_all(a.world, a.in, a.out); }},
    {"reduce in place",
     [](with a) { MPI_Reduce(at_root(a, a.out.data()), a.out.data(), a.whole, MPI_FLOAT, MPI_SUM, 0, a.group); },
     [](with a) { tutti::reduce(a.world, a.out, a.out, 0); }},
    {"reduce", [](with a) { MPI_Reduce(a.in.data(), a.out.data(), a.whole, MPI_FLOAT, MPI_SUM, 0, a.group); },
     [](with a) { tutti::reduce(a.world, a.in, a.out, 0); }},
    {"gather in place",
     [](with a) {
         MPI_Gather(at_root(a, a.own_out.data()), a.part, MPI_FLOAT, a.out.data(), a.part, MPI_FLOAT, 0, a.group);
     },
     [](with a) { tutti::gather(a.world, a.own_out, a.out, 0); }},
    {"gather",
     [](with a) { MPI_Gather(a.in.data(), a.part, MPI_FLOAT, a.out.data(), a.part, MPI_FLOAT, 0, a.group); },
     [](with a) { tutti::gather(a.world, a.first_in, a.out, 0); }},
    {"scatter in place",
     [](with a) {
         void* const got = a.root ? MPI_IN_PLACE : a.own_out.data();
         MPI_Scatter(a.out.data(), a.part, MPI_FLOAT, got, a.part, MPI_FLOAT, 0, a.group);
     },
     [](with a) { tutti::scatter(a.world, a.out, a.own_out, 0); }},
    {"scatter",
     [](with a) { MPI_Scatter(a.in.data(), a.part, MPI_FLOAT, a.out.data(), a.part, MPI_FLOAT, 0, a.group); },
     [](with a) { tutti::scatter(a.world, a.in, a.first_out, 0); }},
    {"scan in place", [](with a) { MPI_Scan(MPI_IN_PLACE, a.out.data(), a.whole, MPI_FLOAT, MPI_SUM, a.group); },
     [](with a) { tutti::scan(a.world, a.out, a.out); }},
    {"scan", [](with a) { MPI_Scan(a.in.data(), a.out.data(), a.whole, MPI_FLOAT, MPI_SUM, a.group); },
     [](with a) { tutti::scan(a.world, a.in, a.out); }},
};

struct rules {
    double milliseconds;             // for the rounds of a point
    std::size_t calls;               // of each kind in a round
    std::vector<std::string> names;  // of contests; none: all
};

constexpr int fewest_rounds = 6;  // so that all of them are an interval that holds 19 of 20 medians

/// Medians of the blocks of every round, in microseconds.
struct rounds {
    std::vector<double> plain, ours;
};

/// Both do the same with the same numbers. Leaves zeros, whose sums stay finite.
void check(contest const& both, with a) {
    std::array<std::vector<float>, 2> results;
    for (std::size_t k = 0; k < 2; ++k) {
        for (std::size_t i = 0; i < a.in.size(); ++i)
            a.in[i] = a.out[i] = static_cast<float>((31 * static_cast<std::size_t>(a.world.rank()) + i) % 251);
        MPI_Barrier(a.group);
        (k == 0 ? both.plain : both.ours)(a);
        results[k].assign(a.out.begin(), a.out.end());
        MPI_Barrier(a.group);
    }
    if (results[0] != results[1])
        throw std::runtime_error{std::string{both.name} + " of " + std::to_string(a.in.size_bytes()) +
                                 " bytes: tutti has another result than MPI"};
    std::fill(a.in.begin(), a.in.end(), 0.f);
    std::fill(a.out.begin(), a.out.end(), 0.f);
}

/// Fills `taken` with the microseconds of each call on this rank, behind a barrier that is not timed.
void make_calls(void (*call)(with), with a, std::span<double> taken) {
    for (double& each : taken) {
        MPI_Barrier(a.group);
        auto const start = bench::clock::now();
        call(a);
        each = 1e6 * bench::seconds_since(start);
    }
}

/// Blocks of calls take turns, in the other order in the next round, until time is over. The slowest rank counts. Collective.
rounds measure(contest const& both, with a, rules const& wanted) {
    check(both, a);
    rounds all;
    std::vector<double> taken(2 * wanted.calls + 1);
    std::span const plain{taken.data(), wanted.calls}, ours{plain.data() + wanted.calls, wanted.calls};
    double& elapsed = taken.back();
    auto const start = bench::clock::now();
    elapsed = 0;
    for (int round = -1; round < fewest_rounds || elapsed < wanted.milliseconds / 1000; ++round) {
        if (round % 2 == 0) make_calls(both.plain, a, plain);
        make_calls(both.ours, a, ours);
        if (round % 2 != 0) make_calls(both.plain, a, plain);
        elapsed = bench::seconds_since(start);
        MPI_Allreduce(MPI_IN_PLACE, taken.data(), static_cast<int>(taken.size()), MPI_DOUBLE, MPI_MAX, a.group);
        if (round < 0) continue;  // connections are made, pages touched
        all.plain.push_back(bench::median({plain.begin(), plain.end()}));
        all.ours.push_back(bench::median({ours.begin(), ours.end()}));
    }
    return all;
}

void print(std::vector<double> const& values) {
    for (std::size_t k = 0; k < values.size(); ++k) std::printf("%s%.3f", k == 0 ? "" : ", ", values[k]);
}

struct alignas(64) line {
    float values[16]{};
};

/// Prints a line of JSON for each contest, where `bytes` are those of a rank's larger buffer.
void measure_all(tutti::comm::mpi& world, std::size_t bytes, rules const& wanted) {
    auto const ranks = static_cast<std::size_t>(world.size()), rank = static_cast<std::size_t>(world.rank());
    std::size_t const part = std::max<std::size_t>(1, bytes / sizeof(float) / ranks), whole = part * ranks;
    std::size_t const stride = (whole * sizeof(float) + sizeof(line) - 1) / sizeof(line) + 1;  // off powers of two
    std::vector<line> memory(2 * stride);
    std::span<float> const in{memory[0].values, whole}, out{memory[stride].values, whole};
    arguments const a{world, in, out, in.first(part), out.first(part), out.subspan(rank * part, part)};
    for (contest const& both : contests) {
        auto const& names = wanted.names;
        if (!names.empty() && std::find(names.begin(), names.end(), both.name) == names.end()) continue;
        auto const found = measure(both, a, wanted);
        if (world.rank() != 0) continue;
        std::printf("{\"collective\": \"%s\", \"bytes\": %zu, \"plain_us\": [", both.name, in.size_bytes());
        print(found.plain);
        std::printf("], \"tutti_us\": [");
        print(found.ours);
        std::printf("]}\n");
        std::fflush(stdout);
    }
}

}  // namespace

// Arguments: milliseconds for the rounds of a point; calls of each kind in a round; bytes of a rank's larger buffer, such as
// 4096,32768; names of contests, or none for all.
int main(int argc, char** argv) try {
    if (argc < 4) throw std::runtime_error{"bench/mpi_overhead/run starts this program, and knows its arguments"};
    rules const wanted{std::stod(argv[1]), std::stoul(argv[2]), {argv + 4, argv + argc}};
    tutti::launch<tutti::comm::mpi>([&](tutti::comm::mpi& world) {
        auto const start = bench::clock::now();
        while (bench::seconds_since(start) < 0.1) {}  // until the system has given each busy rank a core, where there are enough
        std::istringstream sizes{argv[3]};
        for (std::string bytes; std::getline(sizes, bytes, ',');) measure_all(world, std::stoul(bytes), wanted);
    });
} catch (std::exception const& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    return 1;
}
