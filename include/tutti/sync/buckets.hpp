#pragma once

#include <tutti/concepts/element_type.hpp>

#include <cstddef>
#include <span>
#include <vector>

namespace tutti::sync::detail {

/// Numbers of one type that a bucket takes whole.
struct bucket_item {
    element_type const* type;
    std::size_t count;

    std::size_t bytes() const { return count * type->size; }
};

/// Blocks [first, last), which are exchanged together.
struct bucket {
    std::size_t first, last;
    std::size_t count;  ///< of numbers
};

/// Which blocks go together, from the last to the first: a block is appended, then the bucket is closed if it holds as many bytes
/// as it may, or what follows has another type. A template, as few programs need it.
/// @param first_limit  of the first bucket, `limit` of the others
template <class Item>
std::vector<bucket> buckets_of(std::span<Item const> blocks, std::size_t first_limit, std::size_t limit) {
    std::vector<bucket> all;
    for (std::size_t last = blocks.size(); last > 0; last = all.back().first) {
        std::size_t const most = all.empty() ? first_limit : limit;
        bucket next{last, last, 0};
        for (std::size_t bytes = 0; next.first > 0 && bytes < most;) {
            Item const& block = blocks[next.first - 1];
            if (next.first < last && block.type != blocks[last - 1].type) break;
            --next.first, next.count += block.count, bytes += block.bytes();
        }
        all.push_back(next);
    }
    return all;
}

}  // namespace tutti::sync::detail
