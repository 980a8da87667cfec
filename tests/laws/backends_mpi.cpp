#include "backends.hpp"

#include <tutti/comm/mpi.hpp>

void laws::on_threads(std::initializer_list<int> /*ranks*/, law const& /*body*/) {}

/// The processes that mpirun has started.
void laws::on_every_backend(law const& body) { on<tutti::comm::mpi>("mpi", {}, body); }
