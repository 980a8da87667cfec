#pragma once

#include <tutti/concepts/partition.hpp>

#include <cstddef>

namespace tutti::partition {

/// Deals samples like cards, in their order: of p ranks, rank r gets r, r + p, r + 2p, ... Every step sees the same samples on
/// any number of ranks.
struct strided {
    class share_type {
    public:
        explicit share_type(share_of const& which)
            : rank_{static_cast<std::size_t>(which.rank)},
              ranks_{static_cast<std::size_t>(which.ranks)} {}
        std::size_t before(std::size_t position) const { return (position + ranks_ - 1 - rank_) / ranks_; }
        std::size_t row(std::size_t k) const { return k * ranks_ + rank_; }

    private:
        std::size_t rank_, ranks_;
    };

    share_type share(share_of const& which) const { return share_type{which}; }
};

}  // namespace tutti::partition
