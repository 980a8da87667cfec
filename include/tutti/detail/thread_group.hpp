#pragma once

#include <tutti/detail/shared_group.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

namespace tutti::detail {

/// What a rank asks for in a split.
struct split_wish {
    int color, key;
};

/// Who gets into the group of `color`, in its order.
/// @param wishes  of all ranks
inline std::vector<int> members_of(int color, std::span<split_wish const> wishes) {
    auto wish = [&](int rank) { return wishes[static_cast<std::size_t>(rank)]; };
    std::vector<int> members;
    for (int rank = 0; rank < static_cast<int>(wishes.size()); ++rank)
        if (wish(rank).color == color) members.push_back(rank);
    std::stable_sort(members.begin(), members.end(), [&](int a, int b) { return wish(a).key < wish(b).key; });
    return members;
}

/// What the ranks of a group of threads share: the group, and those that are being split off from it.
class thread_group : public shared_group {
public:
    using shared_group::shared_group;

    /// The group of `members`, numbered in this order. Each of them asks for it, once; who comes first makes it.
    /// @param split  counts the splits of this group
    std::shared_ptr<thread_group> part(std::uint64_t split, int color, std::span<int const> members) {
        std::lock_guard const lock{mutex_};
        auto const at = parts_.try_emplace({split, color}).first;
        auto& [made, asked] = at->second;
        if (!made) made = std::make_shared<thread_group>(*this, members);
        auto const group = made;
        if (++asked == members.size()) parts_.erase(at);
        return group;
    }

private:
    struct part_to_be {
        std::shared_ptr<thread_group> made;
        std::size_t asked = 0;
    };
    std::mutex mutex_;
    std::map<std::pair<std::uint64_t, int>, part_to_be> parts_;  // that not all members have asked for yet
};

/// What one rank has under way on all groups that were split from one another. It moves on while the rank waits in any of them: a
/// peer may wait for what was started on one before it comes to a call on another.
class under_way final : public shared_group::background {
public:
    void add(background& group) { groups_.push_back(&group); }
    void drop(background& group) { std::erase(groups_, &group); }
    void work() override {
        for (background* const each : groups_) each->work();
    }

private:
    std::vector<background*> groups_;
};

}  // namespace tutti::detail
