// expects: is missing: the world, as tutti::launch gives it
#include "mean.hpp"

int main() {
    tutti::comm::solo world;
    tutti::data_parallel_trainer trainer{
#ifdef RIGHT
        world,
#endif
        mean{}, tutti::partition::shuffled{}, tutti::sync::all_reduce{}, tutti::optim::sgd{}};
    trainer.run_epoch(std::vector<float>{1, 2, 3});
}
