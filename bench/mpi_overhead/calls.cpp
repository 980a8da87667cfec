// Makes an all_reduce of 8 bytes by plain MPI and by tutti, in turn, for callgrind to count the instructions of each call: to be
// started by `run`, which says how they are read.
#include <mpi.h>
#include <tutti/comm/mpi.hpp>
#include <tutti/tutti.hpp>
#include <valgrind/callgrind.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <exception>
#include <span>
#include <string>
#include <thread>

namespace {

/// Counts what `call` does, under the name of `whose`. A peer that is not slowed down by counting is there first, and has sent what
/// it has to: so this rank waits for nothing, and spins in no loop.
template <class Call>
void count(char const* whose, Call call) {
    if (RUNNING_ON_VALGRIND) std::this_thread::sleep_for(std::chrono::milliseconds{1});
    CALLGRIND_TOGGLE_COLLECT;
    call();
    CALLGRIND_TOGGLE_COLLECT;
    CALLGRIND_DUMP_STATS_AT(whose);
}

}  // namespace

int main(int argc, char** argv) try {
    int const calls = argc > 1 ? std::stoi(argv[1]) : 1;
    tutti::launch<tutti::comm::mpi>([&](auto& world) {
        std::array<float, 2> data{};
        MPI_Comm const group = world.native();
        for (int k = 0; k < calls; ++k) {
            count("MPI", [&] { MPI_Allreduce(MPI_IN_PLACE, data.data(), 2, MPI_FLOAT, MPI_SUM, group); });
            count("tutti", [&] { tutti::all_reduce(world, data); });
        }
    });
} catch (std::exception const& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    return 1;
}
