// expects: world is no communicator
#include "mean.hpp"

#ifdef RIGHT
using group = tutti::comm::solo;
#else
struct group {
    static int rank() { return 0; }
    static int size() { return 1; }
};
#endif

int main() {
    group world;
    tutti::data_parallel_trainer trainer{world, mean{}, tutti::partition::shuffled{}, tutti::sync::all_reduce{}, tutti::optim::sgd{}};
    trainer.run_epoch(std::vector<float>{1, 2, 3}, {.batch = 2});
}
