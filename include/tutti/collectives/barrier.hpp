#pragma once

#include <tutti/concepts/communicator.hpp>

namespace tutti {

/// Returns when every rank has called it. Collective.
/// @throws collective_mismatch, peer_failed, timeout_error  on every rank
/// Cost:   one round of flags
template <communicator Comm>
void barrier(Comm& world) {
    world.perform(call{.kind = collective::barrier});
}

/// Starts a barrier; `wait` on the result returns when every rank has started it. Collective.
template <communicator Comm>
[[nodiscard]] pending start_barrier(Comm& world) {
    return world.start(call{.kind = collective::barrier}, nullptr);
}

}  // namespace tutti
