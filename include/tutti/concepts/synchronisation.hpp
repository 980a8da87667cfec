#pragma once

#include <concepts>
#include <cstddef>
#include <span>

namespace tutti {

/// Elements [first, last) of a row of them, such as all parameters laid end to end.
struct slice {
    std::size_t first = 0, last = 0;

    std::size_t size() const { return last - first; }
    friend bool operator==(slice const&, slice const&) = default;
};

/// What replicas exchange around one optimiser step, and when. A policy is an aggregate of settings with a nested `bound<Comm>`,
/// built once per run from (world, settings), that holds the run's state and has three moments:
///     contribute(gradients, weight)  the gradients of this rank's mean are ready, or zeros where it had no sample; `weight` is
///                                    its share of the batch. Exchange them now, later or not at all. Collective if any rank's is.
///                                    May return a factor that the owned gradients are still to be multiplied by: the update
///                                    does that on its way, which saves a pass over them.
///     owned(count)                   which slice of `count` parameters this rank must update. Pure.
///     publish(parameters)            the update is done: exchange parameters or not. Collective if any rank's is.
/// It may also have, where `blocks` are the form of every block (see tutti/concepts/block_form.hpp):
///     prepare(blocks)                called once, before the first step: room for a state
///     late(gradients), settle(parameters)
///                                    an epoch or a `step` ends: leave in the owned gradients what has come late, and return what
///                                    it is to be multiplied by, 0 if nothing has; after that update, make replicas equal.
///                                    Collective.
///     traffic(blocks)                what one step hands to collectives, as a formula: a `step_traffic`
///     memory(blocks)                 bytes that grow with the model and that it keeps, as a formula
/// `gradients` and `parameters` are what the model gives; `tutti::for_each_block` goes through them.
/// Laws: after publish all replicas are equal, bit for bit, unless the policy says when they are; with one rank all three
/// moments leave everything as it is and cost nothing.
template <class Sync, class Comm>
concept synchronisation =
    requires { typename Sync::template bound<Comm>; } &&
    std::constructible_from<typename Sync::template bound<Comm>, Comm&, Sync const&> &&
    requires(typename Sync::template bound<Comm>& state, std::span<float>& block, double weight, std::size_t count) {
        state.contribute(block, weight);
        { state.owned(count) } -> std::same_as<slice>;
        state.publish(block);
    };

/// Lets gradients come in steps after they were computed.
template <class Sync, class Comm>
concept takes_late_gradients = requires(typename Sync::template bound<Comm>& state, std::span<float>& block) {
    state.late(block);
    state.settle(block);
};

/// Lets each rank update a part of the parameters, so `owned` is not all of them; a policy says so: `divides_update`.
template <class Sync>
concept divides_update = requires { requires Sync::divides_update; };

/// Works on gradients and parameters in device memory too; a policy says so: `takes_device_blocks`.
template <class Sync>
concept takes_device_blocks = requires { requires Sync::takes_device_blocks; };

/// A policy with one moment more, for those that exchange gradients while the model still computes others:
///     begin(gradients, weight)       the pass begins that leaves in `gradients` those of this rank's mean. Returns what is called
///                                    with k once block k is final, for each at most once; from then on until `contribute` returns,
///                                    the block is the policy's. Local, and does not wait for peers.
/// Not called on a rank that has no sample: then, and for blocks that were not announced, `contribute` does what is left to do.
/// Where a pass fails, the group is ended, and `contribute` is called for the policy to let go of the gradients, whatever it
/// throws.
template <class Sync, class Comm>
concept overlapping_synchronisation =
    synchronisation<Sync, Comm> && requires(typename Sync::template bound<Comm>& state, std::span<float>& block, double weight) {
        state.begin(block, weight)(std::size_t{});
    };

}  // namespace tutti
