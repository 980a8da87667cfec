#pragma once

#include <tutti/concepts/partition.hpp>
#include <tutti/partition/strided.hpp>

#include <algorithm>
#include <cstddef>

namespace tutti::partition {

/// Each rank owns one contiguous block of the data and goes through it in order; the first size % p blocks hold one more.
/// For data that lies with its rank. Which samples share a step depends on the number of ranks.
struct block {
    class share_type {
    public:
        explicit share_type(share_of const& which) : turns_{which} {
            auto const rank = static_cast<std::size_t>(which.rank), ranks = static_cast<std::size_t>(which.ranks);
            first_ = rank * (which.size / ranks) + std::min(rank, which.size % ranks);
        }
        std::size_t before(std::size_t position) const { return turns_.before(position); }
        std::size_t row(std::size_t k) const { return first_ + k; }

    private:
        strided::share_type turns_;
        std::size_t first_;
    };

    share_type share(share_of const& which) const { return share_type{which}; }
};

}  // namespace tutti::partition
