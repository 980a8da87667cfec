#pragma once

#include <tutti/concepts/call.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tutti {

/// Whose memory a step reads or writes: the call's input, its output, or room that the executor provides. A barrier's input is
/// one element, a token, which the executor provides too.
enum class memory : std::uint8_t { in, out, scratch };

/// A run of elements begins here.
struct place {
    memory where = memory::out;
    std::size_t first = 0;

    friend constexpr bool operator==(place const&, place const&) = default;
};

/// One thing that one rank does in a collective. Elements come in, from a peer or from the rank's own memory, and replace or
/// join those at `at`; or they go out.
struct step {
    enum class action : std::uint8_t {
        send,            ///< at -> peer
        receive,         ///< at = peer's
        receive_before,  ///< at = peer's o at
        receive_after,   ///< at = at o peer's
        copy,            ///< at = from
        before,          ///< at = from o at
        after            ///< at = at o from
    };
    action what = action::copy;
    int round = 0;  ///< transfers of a round run at the same time; local steps run in their place, alone in their round
    int peer = -1;  ///< for transfers
    place at{};
    place from{};  ///< for local steps
    std::size_t count = 0;

    constexpr bool transfers() const { return what <= action::receive_after; }
    constexpr bool receives() const { return what >= action::receive && what <= action::receive_after; }
    constexpr bool folds() const {
        return what == action::receive_before || what == action::receive_after || what == action::before || what == action::after;
    }
};

/// What one rank does, round by round.
/// Laws: rounds do not decrease; no step of a round writes what another step of that round reads or writes; a round has at most
/// one message from one rank to another.
struct rank_schedule {
    std::vector<step> steps{};
    std::size_t scratch = 0;  ///< elements of room it needs

    constexpr int rounds() const { return steps.empty() ? 0 : steps.back().round + 1; }

    // Each of these appends one step that moves something; nothing is appended for 0 elements.
    template <class = void>
    constexpr void send(int round, int peer, place at, std::size_t count) {
        add({step::action::send, round, peer, at, {}, count});
    }
    template <class = void>
    constexpr void receive(int round, int peer, place at, std::size_t count, step::action how = step::action::receive) {
        add({how, round, peer, at, {}, count});
    }
    template <class = void>
    constexpr void local(int round, place at, place from, std::size_t count, step::action how = step::action::copy) {
        add({how, round, -1, at, from, count});
    }

private:
    template <class = void>
    constexpr void add(step const& what) {
        if (what.count != 0) steps.push_back(what);
    }
};

/// What a schedule is made for.
struct schedule_shape {
    collective kind = collective::none;
    int size = 1;           ///< ranks
    std::size_t count = 0;  ///< elements, as in `call::count`; 0 for a barrier
    int root = 0;           ///< where the collective has one
};

/// A collective as data: what every rank does. It can be verified, priced, drawn and executed.
struct schedule {
    schedule_shape shape;
    std::vector<rank_schedule> ranks{};
};

/// The schedule of an algorithm, for all ranks.
template <class Algorithm>
constexpr schedule make_schedule(Algorithm const& algorithm, schedule_shape const& shape) {
    schedule whole{shape};
    for (int rank = 0; rank < shape.size; ++rank) whole.ranks.push_back(algorithm.steps(shape, rank));
    return whole;
}

namespace detail {

/// A number that tells an algorithm's settings from others: its `settings()`, if it has some.
template <class Algorithm>
constexpr std::uint64_t settings_of(Algorithm const& algorithm) {
    if constexpr (requires { algorithm.settings(); }) return algorithm.settings();
    else return 0;
}

/// The first element of part `k` of `count` elements cut into `parts` as evenly as can be.
constexpr std::size_t cut(std::size_t count, int k, int parts) {
    auto const at = static_cast<std::size_t>(k), whole = static_cast<std::size_t>(parts);
    return count / whole * at + (count % whole < at ? count % whole : at);
}

}  // namespace detail
}  // namespace tutti
