#include "backends.hpp"

#include <tutti/comm/checked.hpp>
#include <tutti/comm/hierarchical.hpp>
#include <tutti/comm/mpi.hpp>

#include <cstdlib>

bool const laws::folds_in_rank_order = false;

template <class Comm>
inline constexpr bool laws::waits_at_start<tutti::comm::checked<Comm>> = true;

void laws::on_threads(std::initializer_list<int> /*ranks*/, law const& /*body*/) {}

/// The processes that mpirun has started: as MPI has them, meeting in memory that they share, checked, and taken for those of hosts
/// with two ranks each, which needs three to have two levels.
void laws::on_every_backend(law const& body) {
    // Decided once in a process: whether another thread of it may call MPI.
    on<tutti::comm::mpi>("mpi", {.detachable = std::getenv("TUTTI_TEST_DETACHABLE") != nullptr}, body);
    on<tutti::comm::mpi>("mpi with shared memory", {}, [&](any_communicator& world, expectation const& expect) {
        auto const kept = dynamic_cast<erased<tutti::comm::mpi>&>(world).inner().allocate<int>(1);
        body(world, expect);
    });
    on<tutti::comm::mpi>("checked mpi", {}, [&](any_communicator& world, expectation const& expect) {
        tutti::comm::checked compared{dynamic_cast<erased<tutti::comm::mpi>&>(world).inner()};
        erased<decltype(compared)> any{compared};
        body(any, expect);
    });
    on<tutti::comm::mpi>("mpi on hosts of two", {}, [&](any_communicator& world, expectation const& expect) {
        if (world.size() < 3) return;
        tutti::comm::hierarchical hosts{dynamic_cast<erased<tutti::comm::mpi>&>(world).inner(), world.rank() / 2};
        erased<tutti::comm::hierarchical<tutti::comm::mpi>> any{hosts};
        body(any, expect);
    });
}
