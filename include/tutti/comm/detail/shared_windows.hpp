#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tutti::detail {

/// How ranks name memory of their own to one another. Threads name it by its address. Processes reach only windows: memory that
/// every one of them sees, each at an address of its own, so they name it by window and offset.
class shared_windows {
public:
    /// Memory of every rank's that its peers see too, elsewhere.
    struct window {
        std::size_t bytes = 0;            // of each rank's
        std::byte* const* ranks = nullptr;  // where this process sees each rank's; null once it is closed
    };

    /// From now on ranks are processes and reach these windows, which are opened and closed by all ranks alike; they live elsewhere.
    void see(std::span<window const> windows) {
        processes_ = true;
        windows_ = windows;
    }

    /// Whether peers can reach these bytes of `rank`'s.
    bool reaches(int rank, std::byte const* data, std::size_t size) const {
        return !processes_ || !data || size == 0 || find(rank, data, size) >= 0;
    }
    /// Bytes of `rank`'s, as another rank can find them by `address_at`.
    std::uintptr_t lend(int rank, std::byte const* data) const {
        if (!processes_) return reinterpret_cast<std::uintptr_t>(data);
        auto const found = find(rank, data, 1);
        if (!data || found < 0) return 0;
        auto const index = static_cast<std::size_t>(found);
        return (index + 1) << offset_bits | static_cast<std::uintptr_t>(data - windows_[index].ranks[static_cast<std::size_t>(rank)]);
    }
    std::byte* address_at(int rank, std::uintptr_t lent) const {
        if (!processes_) return reinterpret_cast<std::byte*>(lent);
        if (lent == 0) return nullptr;
        auto const offset = lent & ((std::uintptr_t{1} << offset_bits) - 1);
        return windows_[(lent >> offset_bits) - 1].ranks[static_cast<std::size_t>(rank)] + offset;
    }

private:
    static constexpr int offset_bits = 48;

    /// The index of the window where `rank` has these bytes, or -1.
    [[gnu::noinline]] std::ptrdiff_t find(int rank, std::byte const* data, std::size_t size) const {
        auto const at = reinterpret_cast<std::uintptr_t>(data);
        for (std::size_t k = 0; k < windows_.size(); ++k) {
            window const& each = windows_[k];
            if (!each.ranks) continue;
            auto const first = reinterpret_cast<std::uintptr_t>(each.ranks[static_cast<std::size_t>(rank)]);
            if (at >= first && at - first <= each.bytes && size <= each.bytes - (at - first)) return static_cast<std::ptrdiff_t>(k);
        }
        return -1;
    }

    bool processes_ = false;
    std::span<window const> windows_;
};

}  // namespace tutti::detail
