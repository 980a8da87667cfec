#pragma once

#include <tutti/concepts/block_form.hpp>
#include <tutti/concepts/step_traffic.hpp>

#include <concepts>
#include <cstddef>
#include <iterator>
#include <span>

namespace tutti {

/// How gradients are made smaller on their way between ranks, block by block: what `sync::compressed` is given. An aggregate of
/// settings, with
///     check()                throws usage_error when a setting makes no sense
///     settings()             a range of numbers that tell it from others of its type: what ranks compare
///     traffic(block, ranks)  what one step hands to collectives for such a block, as a formula
///     memory(block, ranks)   bytes that its state keeps for such a block, as a formula
///     state                  a class: what one rank keeps for one block during a run, built from (settings, block, ranks)
/// and, if it needs to know matrices, `static constexpr bool needs_shapes = true`: a model without `shapes()` is then refused.
///
/// `state::exchange(world, numbers, rest)` replaces `numbers`, a span of floating-point numbers that this rank brings, by the sum
/// over all ranks of what each has sent of them. `rest` is empty, or as long as `numbers`: it becomes what this rank has not sent.
/// Collective.
/// Laws: `numbers` is the same on all ranks afterwards, bit for bit; what was sent and `rest` add up to what was brought, to
/// rounding; calls, their order and sizes depend on settings, blocks and the number of the step alone.
template <class Codec>
concept gradient_codec =
    requires { typename Codec::state; } &&
    std::constructible_from<typename Codec::state, Codec const&, block_form const&, int> &&
    requires(Codec const& codec, block_form const& block, int ranks) {
        codec.check();
        { *std::begin(codec.settings()) } -> std::convertible_to<double>;
        { codec.traffic(block, ranks) } -> std::same_as<step_traffic>;
        { codec.memory(block, ranks) } -> std::same_as<std::size_t>;
    };

/// A codec that works on a communicator.
template <class Codec, class Comm>
concept exchanges_on = requires(typename Codec::state& state, Comm& world, std::span<float> numbers) {
    state.exchange(world, numbers, numbers);
};

/// A codec that makes matrices smaller, and so has to know which blocks are.
template <class Codec>
concept needs_shapes = requires { requires Codec::needs_shapes; };

}  // namespace tutti
