// expects: a metric must return its mean over the batch that it was given, a number or a std::array of numbers
#include "mean.hpp"

int main() {
    tutti::launch<tutti::comm::threads>(2, [](auto& world) {
        tutti::data_parallel_trainer trainer{world, mean{}, tutti::partition::shuffled{}, tutti::sync::all_reduce{}, tutti::optim::sgd{}};
        trainer.evaluate(std::vector<float>{1, 2, 3}, [](mean& model, auto const&) {
#ifdef RIGHT
            return model.value[0];
#else
            (void)model;
#endif
        });
    });
}
