#pragma once

#include <tutti/concepts/blocks.hpp>
#include <tutti/concepts/synchronisation.hpp>
#include <tutti/detail/aligned_bytes.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

namespace tutti::detail {

/// The part of a block that lies in `owned`, relative to the block, which has `size` elements and begins at element `offset` of all.
inline slice part_of_block(slice owned, std::size_t offset, std::size_t size) {
    std::size_t const first = std::clamp(owned.first, offset, offset + size), last = std::clamp(owned.last, first, offset + size);
    return {first - offset, last - offset};
}

/// Zeros in the shape of the owned part of a model's blocks: the state of an optimiser, or sums of gradients.
class block_store {
public:
    block_store() = default;

    template <class Blocks>
    block_store(Blocks&& blocks, slice owned) {
        std::size_t offset = 0;
        for_each_block(blocks, [&](auto block) {
            require_on_host<!device_block<decltype(block)>>();
            auto const bytes = part_of_block(owned, offset, block.size()).size() * sizeof(block[0]);
            blocks_.emplace_back(bytes);
            bytes_.push_back(bytes);
            offset += block.size();
        });
        clear();
    }

    void clear() {
        for (std::size_t k = 0; k < blocks_.size(); ++k)
            if (bytes_[k] != 0) std::memset(blocks_[k].data(), 0, bytes_[k]);
    }

    bool empty() const { return blocks_.empty(); }

    /// The numbers that go with block `index`, whose element type is `T`.
    template <class T>
    T* block(std::size_t index) const {
        return reinterpret_cast<T*>(blocks_[index].data());
    }

    /// Every number, as bytes, one span per block.
    template <class = void>
    std::vector<std::span<std::byte>> bytes() const {
        std::vector<std::span<std::byte>> all;
        for (std::size_t k = 0; k < blocks_.size(); ++k) all.emplace_back(blocks_[k].data(), bytes_[k]);
        return all;
    }

private:
    std::vector<aligned_bytes> blocks_;
    std::vector<std::size_t> bytes_;
};

}  // namespace tutti::detail
