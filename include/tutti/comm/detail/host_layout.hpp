#pragma once

#include <tutti/concepts/call.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

namespace tutti::detail {

/// Which of a group's ranks share memory. Hosts count from 0 in the order of their first ranks.
struct host_layout {
    /// A rank's host, and its number among the ranks there.
    struct place {
        int host, number;
    };

    /// @param  host  the group of the ranks that share this one's memory, in the order of `whole`. Collective in both.
    template <class Comm>
    host_layout(Comm& whole, Comm& host) : places(static_cast<std::size_t>(whole.size())) {
        int first = whole.rank();
        auto* const bytes = reinterpret_cast<std::byte*>(&first);
        host.perform(
            {.kind = collective::broadcast, .type = &element_type_of<int>, .in = bytes, .out = bytes, .count = 1, .root = 0});
        std::array<int, 2> const mine{first, host.rank()};
        std::vector<int> all(2 * places.size());
        whole.perform({.kind = collective::all_gather,
                       .type = &element_type_of<int>,
                       .in = reinterpret_cast<std::byte const*>(mine.data()),
                       .out = reinterpret_cast<std::byte*>(all.data()),
                       .count = 2});
        for (std::size_t rank = 0; rank < places.size(); ++rank) {
            int const number = all[2 * rank + 1];
            places[rank] = {number == 0 ? hosts++ : places[static_cast<std::size_t>(all[2 * rank])].host, number};
            if (rank > 0 && number != 0) in_order = in_order && places[rank].host == places[rank - 1].host;
        }
        std::vector<int> sizes(static_cast<std::size_t>(hosts));
        for (place const& each : places) ++sizes[static_cast<std::size_t>(each.host)];
        lanes = *std::min_element(sizes.begin(), sizes.end());
        shares = *std::max_element(sizes.begin(), sizes.end()) > 1;
    }

    place const& of(int rank) const { return places[static_cast<std::size_t>(rank)]; }

    std::vector<place> places;  ///< one per rank
    int hosts = 0;
    int lanes = 0;         ///< ranks of the host that has fewest
    bool shares = false;   ///< whether any host has several
    bool in_order = true;  ///< whether the ranks of each host follow one another
};

}  // namespace tutti::detail
