#pragma once

#include <tutti/collectives/make_call.hpp>
#include <tutti/concepts/elements.hpp>
#include <tutti/detail/least_standard.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <cstddef>
#include <limits>
#include <ranges>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

/// How the `_v` forms cut their buffers: parts lie one after another in rank order, and `counts[k]` elements are rank k's.
namespace tutti::detail {

/// One rank's part among all.
struct uneven_part {
    std::size_t first;          ///< where it begins
    std::size_t count;          ///< its elements
    std::size_t whole;          ///< elements of all parts
    std::size_t largest;        ///< elements of the largest part
    std::size_t const* counts;  ///< one per rank, the caller's
};

/// @throws usage_error  unless there is one count per rank, and all parts together can be addressed
template <class T, class Counts, class Comm>
uneven_part part_among(char const* what, Counts const& counts, Comm const& world) {
    static_assert(std::is_same_v<element_t<Counts>, std::size_t>,
                  "tutti: the counts of a collective are std::size_t, one per rank, as in std::vector<std::size_t>{3, 0, 5}");
    check_size(what, "the list of counts", size_of(counts), static_cast<std::size_t>(world.size()));
    constexpr std::size_t most = std::numeric_limits<std::size_t>::max() / 2 / sizeof(T);
    uneven_part mine{0, 0, 0, 0, data_of(counts)};
    int rank = 0;
    for (std::size_t const count : counts) {
        if (count > most - mine.whole)
            raise<usage_error>({"tutti: ", what, ": the counts add up to more elements than memory can hold"});
        if (rank == world.rank()) mine.first = mine.whole, mine.count = count;
        mine.whole += count;
        mine.largest = std::max(mine.largest, count);
        ++rank;
    }
    return mine;
}

/// A copy of the counts, for a call that goes on after its caller.
template <class Counts>
std::vector<std::size_t> copy_of_counts(Counts const& counts) {
    static_assert(std::is_same_v<element_t<Counts>, std::size_t>,
                  "tutti: the counts of a collective are std::size_t, one per rank, as in std::vector<std::size_t>{3, 0, 5}");
    return {std::ranges::begin(counts), std::ranges::end(counts)};
}

}  // namespace tutti::detail
