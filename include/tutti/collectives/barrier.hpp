#pragma once

#include <tutti/collectives/execute.hpp>
#include <tutti/concepts/communicator.hpp>

namespace tutti {

/// Returns when every rank has called it. Collective.
/// @param  algorithm  such as tutti::algorithm::dissemination{}
/// @throws collective_mismatch, peer_failed, timeout_error  on every rank
/// Cost:   threads: one round of flags
template <communicator Comm, class Algorithm = algorithm::automatic>
void barrier(Comm& world, Algorithm algorithm = {}) {
    detail::perform<collective::barrier, void>(world, call{.kind = collective::barrier}, algorithm);
}

/// Starts a barrier; `wait` on the result returns when every rank has started it. Collective.
template <communicator Comm, class Algorithm = algorithm::automatic>
[[nodiscard]] pending start_barrier(Comm& world, Algorithm algorithm = {}) {
    return detail::start<collective::barrier, void>(world, call{.kind = collective::barrier}, nullptr, algorithm);
}

}  // namespace tutti
