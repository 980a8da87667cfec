// expects: the policy exchanges while a rank is elsewhere, and the micro-batches of a stage leave no gradient final before the last
#include "staged.hpp"

int main() {
    tutti::launch<tutti::comm::threads>(2, [](auto& world) {
        tutti::mesh grid{world, {{"data", 2}, {"stages", 1}}};
#ifdef RIGHT
        tutti::sync::all_reduce policy;
#else
        tutti::sync::bucketed policy;
#endif
        tutti::model_parallel_trainer trainer{grid.along("stages"), tutti::layers{[] { return entry{}; }, [] { return scale{}; }, squares{}},
                                              tutti::partition::shuffled{}, tutti::partition::layers{},
                                              tutti::pipeline::gpipe{}, tutti::optim::sgd{},
                                              tutti::replicas{grid.along("data"), policy}};
        trainer.run_epoch(row(4));
    });
}
