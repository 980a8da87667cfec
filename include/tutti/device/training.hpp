#pragma once

#include <tutti/concepts/blocks.hpp>
#include <tutti/concepts/device_span.hpp>
#include <tutti/concepts/optimizer.hpp>
#include <tutti/concepts/synchronisation.hpp>
#include <tutti/detail/cuda.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/device/block_store.hpp>
#include <tutti/device/buffer.hpp>
#include <tutti/device/kernels.hpp>
#include <tutti/error.hpp>
#include <tutti/sync/block_store.hpp>
#include <tutti/sync/device_work.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <vector>

/// `data_parallel_trainer` of a model whose `parameters()` and `gradients()` are `device_span`s, on a communicator that reaches both
/// memories, such as `comm::with_devices`. Include this, and instantiate the kernels in one .cu: see tutti/device/kernels.hpp.
/// The trainer's own work on gradients and parameters is enqueued in the stream of the communicator. There the model enqueues its pass
/// too; or it waits for that stream first, and is through with the pass when it returns.
namespace tutti::detail {

template <class Comm>
struct device_work {
    /// An optimiser's numbers, and room to add up in.
    struct state {
        int count = 0;
        std::array<device_block_store, 2> stores;
        device_buffer<double> sums;
    };
    using store = device_block_store;
    using bytes = device_span<std::byte>;

    template <class T>
    static void clear(Comm& world, device_span<T> block) {
        if (!block.empty()) check_cuda(cudaMemsetAsync(block.data(), 0, block.size_bytes(), world.stream()), "cudaMemsetAsync");
    }

    template <class Blocks>
    static void multiply(Comm& world, Blocks&& blocks, double factor) {
        for_each_block(blocks, [&](auto block) {
            using T = typename decltype(block)::value_type;
            device_arithmetic<T>::multiply(world.stream(), block, static_cast<T>(factor));
        });
    }

    /// Zeros in the shape of the owned part of the blocks.
    /// @throws usage_error  unless `slots` is 0, 1 or 2
    template <class Blocks>
    static state make_state(Comm& world, Blocks&& blocks, slice owned, int slots) {
        check_slots(slots);
        state made;
        made.count = slots;
        for (std::size_t k = 0; k < static_cast<std::size_t>(slots); ++k)
            made.stores[k] = device_block_store{world.stream(), blocks, owned};
        return made;
    }

    /// Every number of the state, as bytes. Waits for the device, so that whoever reads them, in whatever stream, finds them done.
    static std::vector<bytes> bytes_of(Comm& world, state& kept) {
        check_cuda(cudaStreamSynchronize(world.stream()), "cudaStreamSynchronize");
        std::vector<bytes> all;
        for (auto& each : kept.stores)
            for (auto const block : each.bytes()) all.push_back(block);
        return all;
    }

    /// Makes room for sums of gradients, or zeros of what is there.
    template <class Gradients>
    static void clear_sums(Comm& world, store& sums, Gradients&& gradients) {
        if (sums.empty())
            sums = device_block_store{world.stream(), gradients, slice{0, std::numeric_limits<std::size_t>::max()}};
        else sums.clear(world.stream());
    }
    /// sums += weight * gradients
    template <class Gradients>
    static void add_weighted(Comm& world, store& sums, Gradients&& gradients, double weight) {
        std::size_t index = 0;
        for_each_block(gradients, [&](auto block) {
            using T = typename decltype(block)::value_type;
            device_arithmetic<T>::add(world.stream(), sums.template block<T>(index++), block, static_cast<T>(weight));
        });
    }
    template <class Gradients>
    static void copy_sums(Comm& world, store& sums, Gradients&& gradients) {
        std::size_t index = 0;
        for_each_block(gradients, [&](auto block) {
            auto const from = sums.template block<typename decltype(block)::value_type>(index++);
            if (!block.empty())
                check_cuda(cudaMemcpyAsync(block.data(), from.data(), block.size_bytes(), cudaMemcpyDeviceToDevice, world.stream()),
                           "cudaMemcpyAsync");
        });
    }

    /// Moves the owned parameters by one step, along the gradients multiplied by `factor`.
    template <class Optimizer, class Parameters, class Gradients>
    static void update(Comm& world, Optimizer const& rule, std::int64_t step, Parameters&& parameters, Gradients&& gradients,
                       double factor, slice owned, state& kept) {
        std::size_t offset = 0, index = 0;
        for_each_block_pair(parameters, gradients, [&](auto x, auto g) {
            using T = typename decltype(x)::value_type;
            static_assert(optimizer<Optimizer, T>,
                          "tutti: the optimiser cannot move parameters of this type; see tutti/concepts/optimizer.hpp");
            auto const part = part_of_block(owned, offset, x.size());
            auto slot = [&](std::size_t k) -> device_span<T> {
                if (static_cast<int>(k) >= kept.count) return {};
                return kept.stores[k].template block<T>(index);
            };
            if (part.size() != 0)
                device_update<T, Optimizer>::move(world.stream(), rule.template at<T>(step), kept.count, static_cast<T>(factor),
                                                  x.subspan(part.first, part.size()), g.subspan(part.first, part.size()), slot(0),
                                                  slot(1));
            offset += x.size(), ++index;
        });
    }

    /// The sum of squares of the owned elements, in double precision, of those blocks that `counts(block number)`. Waits for the
    /// device.
    template <class Blocks, class Counts>
    static double sum_of_squares(Comm& world, Blocks&& blocks, slice owned, Counts counts, state& kept) {
        constexpr std::size_t workers = device_arithmetic<double>::workers;
        if (kept.sums.size() == 0) kept.sums = device_buffer<double>{workers};
        clear(world, kept.sums.span());
        std::size_t offset = 0, index = 0;
        for_each_block(blocks, [&](auto block) {
            using T = typename decltype(block)::value_type;
            auto const part = part_of_block(owned, offset, block.size());
            offset += block.size();
            if (counts(index++))
                device_arithmetic<T>::add_squares(world.stream(), block.subspan(part.first, part.size()), kept.sums.span());
        });
        std::vector<double> sums(workers);
        tutti::copy(kept.sums, sums, world.stream());
        double sum = 0;
        for (double const each : sums) sum += each;
        return sum;
    }

    /// Bytes of the room that norms are added up in, once one was asked for.
    static std::size_t room_for_norms(state const& kept) { return kept.sums.span().size_bytes(); }

    /// A hash of every byte of every block; equal bits give equal hashes. Waits for the device.
    template <class Blocks>
    static std::uint64_t fingerprint(Comm& world, Blocks&& blocks) {
        std::vector<std::uint64_t> all;
        for_each_block(blocks, [&](auto block) {
            std::vector<typename decltype(block)::value_type> here(block.size());
            tutti::copy(block, here, world.stream());
            all.push_back(detail::fingerprint(std::span{here}));
        });
        return detail::fingerprint(std::span{all});
    }
};

}  // namespace tutti::detail
