#pragma once

#include <tutti/collectives/schedule.hpp>

#include <cstddef>
#include <vector>

namespace tutti {

/// A send and the receive that it meets.
struct matched_message {
    int from = -1;
    std::size_t send = 0;  ///< which of the sender's steps
    int to = -1;
    std::size_t receive = 0;  ///< which of the receiver's steps
};

/// Every message of a schedule, by sender, receiver and order: messages from one rank to another arrive in order. Transfers
/// without counterpart, which a sound schedule does not have, are left out. Local.
/// Cost:   ranks^2 and the number of steps
template <class = void>
constexpr std::vector<matched_message> match_messages(schedule const& what) {
    auto const ranks = what.ranks.size();
    std::vector<matched_message> all;
    // By peer: where the steps with it are.
    auto of = [&](std::size_t rank, bool receives) {
        std::vector<std::vector<std::size_t>> found(ranks, std::vector<std::size_t>(0, 0));
        auto const& steps = what.ranks[rank].steps;
        for (std::size_t k = 0; k < steps.size(); ++k)
            if (steps[k].transfers() && steps[k].receives() == receives && steps[k].peer >= 0 &&
                static_cast<std::size_t>(steps[k].peer) < ranks)
                found[static_cast<std::size_t>(steps[k].peer)].push_back(k);
        return found;
    };
    std::vector<std::vector<std::vector<std::size_t>>> receives;
    for (std::size_t rank = 0; rank < ranks; ++rank) receives.push_back(of(rank, true));
    for (std::size_t from = 0; from < ranks; ++from) {
        auto const sends = of(from, false);
        for (std::size_t to = 0; to < ranks; ++to)
            for (std::size_t k = 0; k < sends[to].size() && k < receives[to][from].size(); ++k)
                all.push_back({static_cast<int>(from), sends[to][k], static_cast<int>(to), receives[to][from][k]});
    }
    return all;
}

}  // namespace tutti
