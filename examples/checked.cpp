// A mistake that MPI would not notice: one rank calls something else. Prints what every rank is told.
#include <tutti/tutti.hpp>

#include <atomic>
#include <cstdio>
#include <string>
#include <vector>

int main() {
    std::atomic<int> told = 0;
    tutti::launch<tutti::comm::threads>(3, [&](auto& plain) {
        tutti::comm::checked world{plain};
        std::vector<float> gradients(8, 1.0f);
        tutti::all_reduce(world, gradients);
        try {
            if (world.rank() == 1) tutti::broadcast(world, gradients, 0);
            else tutti::all_reduce(world, gradients);
        } catch (tutti::collective_mismatch const& problem) {
            std::string const text = problem.what();
            told += text.starts_with("tutti: ranks disagree in call 2: rank 0, rank 2 called all_reduce of 8 x float with ") &&
                    text.ends_with("; rank 1 called broadcast of 8 x float, root 0");
            if (world.rank() == 0) std::puts(text.c_str());
        }
        told += tutti::all_reduce(world, 1) == 3;  // nothing has moved: the ranks can go on
    });
    return told == 6 ? 0 : 1;
}
