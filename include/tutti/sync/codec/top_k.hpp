#pragma once

#include <tutti/collectives/all_gather.hpp>
#include <tutti/concepts/block_form.hpp>
#include <tutti/concepts/step_traffic.hpp>
#include <tutti/detail/copy_bytes.hpp>
#include <tutti/detail/room.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/detail/to_text.hpp>
#include <tutti/error.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace tutti::sync::codec {

/// Each rank sends the numbers of a block that are largest by magnitude, with their places; all ranks add them up. What it does not
/// send is lost, unless `error_feedback` is around it, which trains far better.
/// Cost:   two all_gather per block, of k numbers and k places per rank, k = share n rounded up; 4n bytes in memory, and what is
///         gathered
/// Order:  rank order; of numbers as large as one another those that come first are sent
/// Source: Aji and Heafield 2017, arXiv:1704.05021
struct top_k {
    double share = 0.01;  ///< in (0, 1]: what part of a block is sent

    /// How many of `count` numbers are sent: at least one.
    std::size_t sent_of(std::size_t count) const {
        auto const k = static_cast<std::size_t>(std::ceil(share * static_cast<double>(count)));
        return std::min(count, std::max<std::size_t>(k, 1));
    }

    void check() const {
        if (!(share > 0 && share <= 1))
            tutti::detail::raise<usage_error>(
                {"tutti: codec::top_k: share = ", tutti::detail::to_text(share), " must be above 0 and at most 1"});
    }
    std::array<double, 1> settings() const { return {share}; }
    step_traffic traffic(block_form const& block, int ranks) const {
        step_traffic sum;
        sum.add(collective::all_gather, static_cast<double>(gathered(block, ranks)));
        return sum;
    }
    std::size_t memory(block_form const& block, int ranks) const {
        return block.count() * sizeof(std::uint32_t) + gathered(block, ranks);
    }

    class state {
    public:
        /// @throws usage_error  when a block has more numbers than places can tell
        state(top_k const& settings, block_form const& block, int ranks)
            : k_{settings.sent_of(block.count())},
              places_{block.count(), sizeof(std::uint32_t)},
              gathered_{settings.gathered(block, ranks), 1} {
            if (block.count() > std::numeric_limits<std::uint32_t>::max())
                tutti::detail::raise<usage_error>(
                    {"tutti: codec::top_k: a block of ", block.count(), " numbers is more than 2^32 - 1; cut it into several"});
        }

        template <class Comm, class T>
        void exchange(Comm& world, std::span<T> numbers, std::span<T> rest) {
            auto const places = choose(std::span<T const>{numbers});
            auto const all = gathered_.as<std::byte>();
            // Laid out by type: all ranks' numbers, then all ranks' places.
            auto const ranks = static_cast<std::size_t>(world.size()), me = static_cast<std::size_t>(world.rank());
            std::size_t const whole = k_ * ranks, mine = k_ * me;
            std::span<T> const values{reinterpret_cast<T*>(all.data()), whole};
            std::span<std::uint32_t> const at{reinterpret_cast<std::uint32_t*>(all.data() + whole * sizeof(T)), whole};
            for (std::size_t i = 0; i < k_; ++i) values[mine + i] = numbers[places[i]], at[mine + i] = places[i];
            if (!rest.empty()) {
                tutti::detail::copy_bytes(rest.data(), numbers.data(), numbers.size_bytes());
                for (std::size_t i = 0; i < k_; ++i) rest[places[i]] = 0;
            }
            tutti::all_gather(world, values.subspan(mine, k_), values);
            tutti::all_gather(world, at.subspan(mine, k_), at);
            std::fill(numbers.begin(), numbers.end(), T{0});
            for (std::size_t i = 0; i < whole; ++i) numbers[at[i]] += values[i];
        }

    private:
        /// The places of the k largest numbers, one that is none being largest of all: it must be seen, not lost.
        template <class T>
        std::span<std::uint32_t const> choose(std::span<T const> numbers) {
            auto const places = places_.as<std::uint32_t>();
            for (std::size_t i = 0; i < places.size(); ++i) places[i] = static_cast<std::uint32_t>(i);
            auto size = [&](std::uint32_t i) {
                T const x = numbers[i];
                return x != x ? std::numeric_limits<T>::infinity() : x < 0 ? -x : x;
            };
            if (k_ < places.size())
                std::nth_element(places.begin(), places.begin() + static_cast<std::ptrdiff_t>(k_), places.end(),
                                 [&](std::uint32_t a, std::uint32_t b) {
                                     T const x = size(a), y = size(b);
                                     return x != y ? x > y : a < b;
                                 });
            return places.first(k_);
        }

        std::size_t k_;
        tutti::detail::room places_, gathered_;
    };

private:
    std::size_t gathered(block_form const& block, int ranks) const {
        return static_cast<std::size_t>(ranks) * sent_of(block.count()) * (block.number + sizeof(std::uint32_t));
    }
};

}  // namespace tutti::sync::codec
