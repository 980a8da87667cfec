#pragma once

#include <tutti/concepts/blocks.hpp>
#include <tutti/concepts/device_span.hpp>
#include <tutti/concepts/synchronisation.hpp>
#include <tutti/detail/cuda.hpp>
#include <tutti/device/buffer.hpp>
#include <tutti/sync/block_store.hpp>

#include <cstddef>
#include <vector>

namespace tutti::detail {

/// Zeros in the shape of the owned part of a model's blocks, in device memory: what `block_store` is in the host's.
class device_block_store {
public:
    device_block_store() = default;

    template <class Blocks>
    device_block_store(cudaStream_t stream, Blocks&& blocks, slice owned) {
        std::size_t offset = 0;
        for_each_block(blocks, [&](auto block) {
            blocks_.emplace_back(part_of_block(owned, offset, block.size()).size() * sizeof(typename decltype(block)::value_type));
            offset += block.size();
        });
        clear(stream);
    }

    void clear(cudaStream_t stream) {
        for (auto& block : blocks_)
            if (block.size() != 0) check_cuda(cudaMemsetAsync(block.data(), 0, block.size(), stream), "cudaMemsetAsync");
    }

    bool empty() const { return blocks_.empty(); }

    /// The numbers that go with block `index`, whose element type is `T`.
    template <class T>
    device_span<T> block(std::size_t index) {
        return {reinterpret_cast<T*>(blocks_[index].data()), blocks_[index].size() / sizeof(T)};
    }

    /// Every number, as bytes, one span per block.
    std::vector<device_span<std::byte>> bytes() {
        std::vector<device_span<std::byte>> all;
        for (auto& block : blocks_) all.push_back(block.span());
        return all;
    }

private:
    std::vector<device_buffer<std::byte>> blocks_;
};

}  // namespace tutti::detail
