// expects: the metric cannot be called as metric(y, batch)
#include "staged.hpp"

int main() {
    tutti::launch<tutti::comm::threads>(2, [](auto& world) {
        tutti::layers model{[] { return entry{}; }, [] { return scale{}; }, squares{}};
        tutti::model_parallel_trainer trainer{world, model, tutti::partition::shuffled{}, tutti::partition::layers{},
                                              tutti::pipeline::gpipe{}, tutti::optim::sgd{}};
#ifdef RIGHT
        auto const metric = [](row const& y, auto const&) { return y[0]; };
#else
        auto const metric = [](int y, auto const&) { return y; };
#endif
        trainer.evaluate(row{1, 2, 3}, metric);
    });
}
