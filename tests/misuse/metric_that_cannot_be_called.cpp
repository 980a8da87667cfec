// expects: the metric cannot be called as metric(model, batch)
#include "mean.hpp"

int main() {
    tutti::launch<tutti::comm::threads>(2, [](auto& world) {
        tutti::data_parallel_trainer trainer{world, mean{}, tutti::partition::shuffled{}, tutti::sync::all_reduce{}, tutti::optim::sgd{}};
#ifdef RIGHT
        auto const metric = [](mean& model, auto const&) { return model.value[0]; };
#else
        auto const metric = [](mean& model) { return model.value[0]; };
#endif
        trainer.evaluate(std::vector<float>{1, 2, 3}, metric);
    });
}
