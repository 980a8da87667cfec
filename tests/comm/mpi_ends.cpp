// Ways in which a job of MPI ranks ends early: mpi_ends throws|aborts|waits|differs. Run by mpirun.
#include <tutti/collectives/all_reduce.hpp>
#include <tutti/comm/hierarchical.hpp>
#include <tutti/comm/mpi.hpp>

#include <chrono>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <vector>

int main(int /*argc*/, char** argv) {
    using namespace std::chrono_literals;
    std::string_view const way{argv[1]};
    tutti::launch<tutti::comm::mpi>({.timeout = 500ms}, [&](auto& world) {
        std::vector<float> x(8);
        tutti::all_reduce(world, x);
        if (way == "differs") {
            tutti::comm::hierarchical hosts{world, world.rank() / 2};
            if (world.rank() == 1) x.resize(9);
            return tutti::all_reduce(hosts, x);
        }
        if (world.rank() == world.size() - 1) {
            if (way == "throws") throw std::runtime_error{"the data are bad"};
            if (way == "aborts") world.abort("the data are bad");
            std::this_thread::sleep_for(60s);
        }
        tutti::all_reduce(world, x);
    });
}
