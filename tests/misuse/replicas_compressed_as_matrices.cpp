// expects: the policy makes matrices smaller, and layers do not say which of their blocks are
#include "staged.hpp"

int main() {
    tutti::launch<tutti::comm::threads>(2, [](auto& world) {
        tutti::mesh grid{world, {{"data", 2}, {"stages", 1}}};
#ifdef RIGHT
        tutti::sync::compressed policy{tutti::sync::codec::top_k{}};
#else
        tutti::sync::compressed policy{tutti::sync::codec::power_sgd{}};
#endif
        tutti::model_parallel_trainer trainer{grid.along("stages"), tutti::layers{[] { return entry{}; }, [] { return scale{}; }, squares{}},
                                              tutti::partition::shuffled{}, tutti::partition::layers{},
                                              tutti::pipeline::gpipe{}, tutti::optim::sgd{},
                                              tutti::replicas{grid.along("data"), policy}};
        trainer.run_epoch(row(4));
    });
}
