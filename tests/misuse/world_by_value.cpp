// expects: it must take the world by reference, as in [](auto& world) { ... }
#include "mean.hpp"

int main() {
    std::vector<float> const data{1, 2, 3};
#ifdef RIGHT
    auto body = [&](auto& world) {
#else
    auto body = [&](auto world) {
#endif
        tutti::data_parallel_trainer trainer{world, mean{}, tutti::partition::shuffled{}, tutti::sync::all_reduce{},
                                             tutti::optim::sgd{}};
        trainer.run_epoch(data);
    };
    tutti::launch<tutti::comm::threads>(2, body);
}
