#pragma once

#include <tutti/concepts/partition.hpp>
#include <tutti/partition/permutation.hpp>
#include <tutti/partition/strided.hpp>

#include <cstddef>
#include <cstdint>

namespace tutti::partition {

/// Shuffles the samples anew in every epoch and deals them like cards. Every step sees the same samples on any number of
/// ranks and every platform; no array of indices is kept.
struct shuffled {
    std::uint64_t seed = 0;  ///< equal on all ranks

    class share_type {
    public:
        share_type(share_of const& which, std::uint64_t seed)
            : turns_{which},
              order_{which.size, seed, static_cast<std::uint64_t>(which.epoch)} {}
        std::size_t before(std::size_t position) const { return turns_.before(position); }
        std::size_t row(std::size_t k) const { return order_(turns_.row(k)); }

    private:
        strided::share_type turns_;
        permutation order_;
    };

    share_type share(share_of const& which) const { return {which, seed}; }
};

}  // namespace tutti::partition
