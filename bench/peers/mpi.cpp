// Times the collectives of MPI, called as in C.
#include "measure.hpp"
#include "mpi_version.hpp"

#include <mpi.h>

#include <cstdio>
#include <exception>
#include <span>
#include <string>

namespace {

class mpi_peer {
public:
    mpi_peer() {
        MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
        MPI_Comm_size(MPI_COMM_WORLD, &size_);
    }

    static char const* name() { return TUTTI_BENCH_MPI; }
    static std::string version() { return bench::mpi_version(); }
    int rank() const { return rank_; }
    int size() const { return size_; }
    static void barrier() { MPI_Barrier(MPI_COMM_WORLD); }
    static void largest(std::span<float> values) {
        MPI_Allreduce(MPI_IN_PLACE, values.data(), static_cast<int>(values.size()), MPI_FLOAT, MPI_MAX, MPI_COMM_WORLD);
    }

    std::span<float const> call(bench::collective kind, bench::buffers const& with) const {
        float* const in = with.in.data();
        float* const out = with.out.data();
        int const brought = static_cast<int>(with.in.size()), got = static_cast<int>(with.out.size());
        switch (kind) {
        case bench::collective::all_reduce:
            MPI_Allreduce(MPI_IN_PLACE, out, got, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
            break;
        case bench::collective::reduce_scatter:
            MPI_Reduce_scatter_block(in, out, got, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
            break;
        case bench::collective::all_gather:
            MPI_Allgather(in, brought, MPI_FLOAT, out, brought, MPI_FLOAT, MPI_COMM_WORLD);
            break;
        case bench::collective::broadcast:
            MPI_Bcast(out, got, MPI_FLOAT, 0, MPI_COMM_WORLD);
            break;
        case bench::collective::all_to_all:
            MPI_Alltoall(in, brought / size_, MPI_FLOAT, out, brought / size_, MPI_FLOAT, MPI_COMM_WORLD);
            break;
        }
        return with.out;
    }

private:
    int rank_ = 0, size_ = 1;
};

}  // namespace

int main(int argc, char** argv) {
    bench::options wanted;
    auto const what = "Times the collectives of MPI, called as in C; to be started by its mpirun.";
    if (auto const status = bench::read(argc, argv, {}, what, wanted)) return *status;
    MPI_Init(&argc, &argv);
    try {
        mpi_peer peer;
        bench::measurement{peer, wanted}.run();
    } catch (std::exception const& problem) {
        std::fprintf(stderr, "%s\n", problem.what());
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
    MPI_Finalize();
}
