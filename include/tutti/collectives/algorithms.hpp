#pragma once

#include <tutti/collectives/algorithm/binomial.hpp>
#include <tutti/collectives/algorithm/bruck.hpp>
#include <tutti/collectives/algorithm/circulant.hpp>
#include <tutti/collectives/algorithm/dissemination.hpp>
#include <tutti/collectives/algorithm/double_tree.hpp>
#include <tutti/collectives/algorithm/hillis_steele.hpp>
#include <tutti/collectives/algorithm/one_shot.hpp>
#include <tutti/collectives/algorithm/pairwise.hpp>
#include <tutti/collectives/algorithm/rabenseifner.hpp>
#include <tutti/collectives/algorithm/recursive_doubling.hpp>
#include <tutti/collectives/algorithm/recursive_halving.hpp>
#include <tutti/collectives/algorithm/ring.hpp>
#include <tutti/collectives/algorithm/scatter_all_gather.hpp>
#include <tutti/collectives/algorithm/segmented_ring.hpp>
#include <tutti/collectives/algorithm/two_shot.hpp>
#include <tutti/collectives/schedule.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <array>
#include <cstdint>

namespace tutti {
namespace detail {

template <class... Algorithms>
struct algorithm_list {
    static constexpr std::array ids{Algorithms::id...};

    /// Calls `visit` with the algorithm of that id, if there is one.
    template <class Visit>
    static constexpr void with(algorithm_id which, Visit visit) {
        (void)((Algorithms::id == which && (visit(Algorithms{}), true)) || ...);
    }
};

/// The algorithms that an id alone tells; those with parameters, with their defaults. A new one is added here.
using known_algorithms =
    algorithm_list<algorithm::ring, algorithm::recursive_doubling, algorithm::rabenseifner, algorithm::binomial, algorithm::bruck,
                   algorithm::pairwise, algorithm::circulant, algorithm::hillis_steele, algorithm::recursive_halving,
                   algorithm::dissemination, algorithm::scatter_all_gather, algorithm::double_tree, algorithm::one_shot,
                   algorithm::two_shot, algorithm::segmented_ring>;

}  // namespace detail

/// Every algorithm that can be chosen at run time: a hierarchy cannot, since its id does not tell of what.
inline constexpr auto algorithm_ids = detail::known_algorithms::ids;

/// Whether `which` can be chosen at run time for this collective. Local.
template <class = void>
constexpr bool makes(algorithm_id which, collective kind) {
    bool result = false;
    detail::known_algorithms::with(which, [&](auto const& algorithm) { result = algorithm.makes(kind); });
    return result;
}

/// Whether `which` can be chosen at run time for operations that do not commute. Local.
template <class = void>
constexpr bool keeps_order(algorithm_id which) {
    bool result = false;
    detail::known_algorithms::with(which, [&](auto const& algorithm) { result = algorithm.keeps_order; });
    return result;
}
namespace detail {

/// What an algorithm chosen at run time has as its settings.
template <class = void>
constexpr std::uint64_t settings_of(algorithm_id which) {
    std::uint64_t result = 0;
    known_algorithms::with(which, [&](auto const& algorithm) { result = settings_of(algorithm); });
    return result;
}

}  // namespace detail

/// What `rank` does by an algorithm chosen at run time. Local.
/// @throws usage_error  if it does not make this collective
template <class = void>
constexpr rank_schedule steps_of(algorithm_id which, schedule_shape const& shape, int rank) {
    if (!makes(which, shape.kind))
        detail::raise<usage_error>({"tutti: ", name(which), " is not known to make ", name(shape.kind),
                                    "; tutti::makes tells which do"});
    rank_schedule mine;
    detail::known_algorithms::with(which, [&](auto const& algorithm) { mine = algorithm.steps(shape, rank); });
    return mine;
}

/// The schedule of an algorithm chosen at run time, for all ranks. Local.
/// @throws usage_error  if it does not make this collective
template <class = void>
constexpr schedule make_schedule(algorithm_id which, schedule_shape const& shape) {
    schedule whole{shape};
    for (int rank = 0; rank < shape.size; ++rank) whole.ranks.push_back(steps_of(which, shape, rank));
    return whole;
}

}  // namespace tutti
