// Processes with a device each, which meet over MPI; where there are too few devices, all are told so.
#include "collectives.hpp"

#include <tutti/comm/mpi.hpp>

int main() {
    int const count = devices();
    tutti::launch<tutti::comm::mpi>([&](tutti::comm::mpi& host) {
        if (count >= host.size()) {
            tutti::comm::nccl world{host};
            check_collectives(world);
            return;
        }
        check_throws<tutti::error>([&] { tutti::comm::nccl const world{host}; }, count == 0 ? "cuda" : "devices",
                                   "too few devices are an error on every rank");
    });
    return broken != 0;
}
