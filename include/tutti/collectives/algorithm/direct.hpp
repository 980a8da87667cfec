#pragma once

#include <tutti/collectives/schedule.hpp>

#include <cstddef>

namespace tutti::algorithm::detail {

/// Folds what lies in room, `parts` runs of `count` elements one after the other, into `at`: ((0 o 1) o 2) o ...
/// Takes `parts` rounds from `round` on.
constexpr void fold_room(rank_schedule& mine, int round, place at, int parts, std::size_t count) {
    for (int k = 0; k < parts; ++k)
        mine.local(round + k, at, {memory::scratch, static_cast<std::size_t>(k) * count}, count,
                   k == 0 ? step::action::copy : step::action::after);
}

/// In one round every rank sends every other what `to(peer)` says and receives what `from(peer)` says.
/// Ranks begin with different peers, so that none is sent everything at once.
template <class To, class From>
constexpr void all_at_once(rank_schedule& mine, int round, int ranks, int rank, To to, From from) {
    for (int k = 1; k < ranks; ++k) {
        int const peer = (rank + k) % ranks;
        auto const [at, count] = to(peer);
        mine.send(round, peer, at, count);
    }
    for (int k = 1; k < ranks; ++k) {
        int const peer = (rank + ranks - k) % ranks;
        auto const [at, count] = from(peer);
        mine.receive(round, peer, at, count);
    }
}

}  // namespace tutti::algorithm::detail
