#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>

namespace tutti {

/// Whose share of which data: all that a data partition may depend on.
struct share_of {
    std::int64_t epoch = 0;
    std::size_t size = 0;    ///< samples in the data set
    int rank = 0;
    int ranks = 1;
};

/// One rank's samples of one epoch, in the order it meets them.
/// `before(x)`: how many of them are among the first x that all ranks together meet, x <= size of the data;
/// `row(k)`: which sample is the rank's k-th, k < before(size).
template <class Share>
concept data_share = requires(Share const& share, std::size_t x) {
    { share.before(x) } -> std::convertible_to<std::size_t>;
    { share.row(x) } -> std::convertible_to<std::size_t>;
};

/// Deals the samples of each epoch to the ranks; a pure function, so that any rank knows every rank's share without talking,
/// and training can resume at any step.
/// Laws: before is monotone and sums to x over the ranks, for every x; the rows of all ranks are 0 .. size - 1, each once.
/// @throws usage_error  from `share`, when its settings do not fit the group
template <class Partition>
concept data_partition = requires(Partition const& partition, share_of const& which) {
    { partition.share(which) } -> data_share;
};

}  // namespace tutti
