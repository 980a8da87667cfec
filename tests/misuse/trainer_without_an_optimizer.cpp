// expects: one of the four after the world is missing
#include "mean.hpp"

int main() {
    tutti::comm::solo world;
    tutti::data_parallel_trainer trainer{world, mean{}, tutti::partition::shuffled{}, tutti::sync::all_reduce{}
#ifdef RIGHT
                                         ,
                                         tutti::optim::sgd{}
#endif
    };
    trainer.run_epoch(std::vector<float>{1, 2, 3});
}
