#pragma once

#include <tutti/concepts/communicator.hpp>
#include <tutti/concepts/synchronisation.hpp>
#include <tutti/partition/columns.hpp>

#include <cstddef>

namespace tutti::partition {

/// The rows of a weight matrix that one rank of a group owns. Rows are what a layer takes: those of w in y = x w. They are dealt as
/// `columns` are, so what the layer before gives on a rank is what its rows take.
constexpr slice rows(std::size_t count, int rank, int ranks) { return columns(count, rank, ranks); }

/// Those of this rank of the group. Local.
template <ranked Group>
constexpr slice rows(std::size_t count, Group const& group) {
    return columns(count, group);
}

}  // namespace tutti::partition
