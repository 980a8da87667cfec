#include "backends.hpp"

#include <tutti/comm/mpi.hpp>

bool const laws::folds_in_rank_order = false;

void laws::on_threads(std::initializer_list<int> /*ranks*/, law const& /*body*/) {}

/// The processes that mpirun has started.
void laws::on_every_backend(law const& body) { on<tutti::comm::mpi>("mpi", {}, body); }
