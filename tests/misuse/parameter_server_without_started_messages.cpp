// expects: sync::parameter_server needs a communicator that starts messages
#include "mean.hpp"

/// Has no more than a communicator must have.
struct plain {
    tutti::comm::threads& world;

    int rank() const { return world.rank(); }
    int size() const { return world.size(); }
    void announce(tutti::call const& what) { world.announce(what); }
    void exchange(std::span<tutti::message const> round, tutti::call const& what) { world.exchange(round, what); }
    void abort(std::string const& text) { world.abort(text); }
};

#ifdef RIGHT
using chosen = tutti::comm::threads;
#else
using chosen = plain;
#endif

void train_on(chosen& world) {
    tutti::data_parallel_trainer trainer{world, mean{}, tutti::partition::block{}, tutti::sync::parameter_server{.staleness = 1},
                                         tutti::optim::sgd{}};
    trainer.run_epoch(std::vector<float>{1});
}
