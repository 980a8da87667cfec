#pragma once

#include <tutti/collectives/schedule.hpp>

namespace tutti::algorithm::detail {

/// Appends to a rank's schedule what it does in a smaller collective, of some of the ranks on some of the memory.
/// @param  rank_of   the rank of all that is this rank of the smaller collective
/// @param  place_of  where a place of the smaller collective lies
template <class RankOf, class PlaceOf>
constexpr void append(rank_schedule& mine, rank_schedule const& smaller, RankOf rank_of, PlaceOf place_of) {
    int const round = mine.rounds();
    for (step each : smaller.steps) {
        each.round += round;
        each.at = place_of(each.at);
        if (each.transfers()) each.peer = rank_of(each.peer);
        else each.from = place_of(each.from);
        mine.steps.push_back(each);
    }
}

}  // namespace tutti::algorithm::detail
