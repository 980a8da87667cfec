// expects: the seventh argument of model_parallel_trainer does not say which ranks have copies of a stage
#include "staged.hpp"

int main() {
    tutti::launch<tutti::comm::threads>(2, [](auto& world) {
        tutti::mesh grid{world, {{"data", 2}, {"stages", 1}}};
        tutti::model_parallel_trainer trainer{grid.along("stages"), tutti::layers{[] { return entry{}; }, [] { return scale{}; }, squares{}},
                                              tutti::partition::shuffled{}, tutti::partition::layers{},
                                              tutti::pipeline::gpipe{}, tutti::optim::sgd{},
#ifdef RIGHT
                                              tutti::replicas{grid.along("data"), tutti::sync::all_reduce{}}};
#else
                                              tutti::sync::all_reduce{}};
#endif
        trainer.run_epoch(row(4));
    });
}
