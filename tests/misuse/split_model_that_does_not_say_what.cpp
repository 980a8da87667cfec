// expects: needs both split_over(), which gives the group by reference, and is_part(k)
#include "mean.hpp"

struct model : mean {
    tutti::comm::solo* group;
    auto& split_over() { return *group; }
#ifdef RIGHT
    static bool is_part(std::size_t) { return true; }
#endif
};

int main() {
    std::vector<float> const data{1, 2, 3};
    tutti::comm::solo world;
    tutti::data_parallel_trainer trainer{world, model{{}, &world}, tutti::partition::shuffled{}, tutti::sync::all_reduce{},
                                         tutti::optim::sgd{}};
    trainer.run_epoch(data);
}
