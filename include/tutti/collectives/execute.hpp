#pragma once

#include <tutti/collectives/schedule.hpp>
#include <tutti/concepts/call.hpp>
#include <tutti/concepts/communicator.hpp>
#include <tutti/concepts/operation.hpp>
#include <tutti/detail/aligned_bytes.hpp>

#include <array>
#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

namespace tutti {
namespace algorithm {

/// Lets the communicator choose. What it does itself is used where there is such a thing.
struct automatic {};

}  // namespace algorithm

namespace detail {

/// Lets elements come in from this rank's own memory.
inline void take_own(call const& what, step::action how, std::byte* at, std::byte const* from, std::size_t count) {
    if (how == step::action::copy) {
        if (at != from) std::memcpy(at, from, count * what.type->size);
        return;
    }
    std::array<std::byte const*, 2> both{from, at};
    if (how == step::action::after) std::swap(both[0], both[1]);
    what.reduce->fold(what.operation, &at, 1, both.data(), 2, 0, count);
}

constexpr message::action as_message(step::action what) {
    switch (what) {
    case step::action::receive:
        return message::action::receive;
    case step::action::receive_before:
        return message::action::receive_before;
    case step::action::receive_after:
        return message::action::receive_after;
    default:
        return message::action::send;
    }
}

/// The rounds of a schedule, one after the other.
template <class Comm>
void work_through(Comm& world, call const& what, rank_schedule const& mine) {
    std::size_t const size = what.type->size;
    aligned_bytes const scratch{mine.scratch * size, what.type->alignment};
    auto address = [&](place at) {
        // A sound schedule only reads its input.
        std::byte* const base = at.where == memory::in    ? const_cast<std::byte*>(what.in)
                                : at.where == memory::out ? what.out
                                                          : scratch.data();
        return base + at.first * size;
    };
    std::vector<message> round;
    for (std::size_t k = 0; k < mine.steps.size(); ++k) {
        step const& now = mine.steps[k];
        if (now.transfers()) round.push_back({as_message(now.what), now.peer, address(now.at), now.count});
        else take_own(what, now.what, address(now.at), address(now.from), now.count);
        if (k + 1 < mine.steps.size() && mine.steps[k + 1].round == now.round) continue;
        if (!round.empty()) world.exchange(round, what);
        round.clear();
    }
}

}  // namespace detail

/// Performs a call by a schedule, over messages: compares it with the peers', then works through the rounds. Collective.
/// @param  mine  this rank's part of a schedule that `verify` finds sound
/// Cost:   one round of flags, then that of the schedule; room for `mine.scratch` elements
template <communicator Comm>
void execute(Comm& world, call const& what, rank_schedule const& mine) {
    world.announce(what);
    if (mine.steps.empty()) return;
    if (!what.type) {
        std::byte token{};  // what the messages of a barrier are made of
        call tokens = what;
        tokens.type = &element_type_of<std::byte>;
        tokens.in = &token;
        return detail::work_through(world, tokens, mine);
    }
    detail::work_through(world, what, mine);
}

namespace detail {

/// Performs a call of kind `Kind` by the algorithm that was asked for.
template <collective Kind, class T, class Operation = void, class Comm, class Algorithm>
void perform(Comm& world, call what, Algorithm const& algorithm) {
    if constexpr (std::is_same_v<Algorithm, tutti::algorithm::automatic>) {
        world.perform(what);
    } else {
        static_assert(Algorithm::makes(Kind),
                      "tutti: this algorithm does not make this collective; see tutti/collectives/algorithm/ for those that do");
        if constexpr (reduces(Kind))
            static_assert(
                Algorithm::keeps_order || commutes<Operation, T>,
                "tutti: this algorithm folds in another order than the ranks', and the operation is not known to commute: use "
                "another algorithm, or say that it does: tutti::commutative{operation}");
        what.algorithm = Algorithm::id;
        schedule_shape const shape{Kind, world.size(), what.count, what.root < 0 ? 0 : what.root};
        execute(world, what, algorithm.steps(shape, world.rank()));
    }
}

}  // namespace detail
}  // namespace tutti
