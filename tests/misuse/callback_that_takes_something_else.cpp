// expects: after_step: the callback must take what there is to report
#include "mean.hpp"

#ifdef RIGHT
using report = tutti::step_report;
#else
using report = int;
#endif

int main() {
    tutti::launch<tutti::comm::threads>(2, [](auto& world) {
        tutti::data_parallel_trainer trainer{world, mean{}, tutti::partition::shuffled{}, tutti::sync::all_reduce{}, tutti::optim::sgd{}};
        trainer.after_step([](report const&) {});
    });
}
