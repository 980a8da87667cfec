// Times tutti's collectives on the processes that an MPI launcher has started, on the heap or in memory that they share.
#include "mpi_version.hpp"
#include "tutti_peer.hpp"

#include <tutti/comm/mpi.hpp>
#include <tutti/tutti.hpp>

#include <cstdio>
#include <exception>

int main(int argc, char** argv) try {
    bench::options wanted;
    auto const what = "Times tutti's collectives on MPI; to be started by its mpirun.";
    if (auto const status = bench::read(argc, argv, {.window = true}, what, wanted)) return *status;
    tutti::launch<tutti::comm::mpi>([&](auto& world) {
        bench::tutti_peer peer{world, wanted.window ? "tutti.window." TUTTI_BENCH_MPI : "tutti.mpi." TUTTI_BENCH_MPI,
                               TUTTI_VERSION " on " + bench::mpi_version(), wanted.window};
        bench::measurement{peer, wanted}.run();
    });
} catch (std::exception const& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    return 1;
}
