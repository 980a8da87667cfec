#pragma once

#include <tutti/detail/shared_group.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace tutti::detail {

/// What a rank asks for in a split.
struct split_wish {
    int color, key;
};

/// Who gets into the group of `color`, in its order.
/// @param wishes  of all ranks
template <class = void>
std::vector<int> members_of(int color, std::vector<split_wish> const& wishes) {
    auto wish = [&](int rank) { return wishes[static_cast<std::size_t>(rank)]; };
    std::vector<int> members;
    for (int rank = 0; rank < static_cast<int>(wishes.size()); ++rank) {
        if (wish(rank).color != color) continue;
        auto before = members.end();
        while (before != members.begin() && wish(before[-1]).key > wish(rank).key) --before;
        members.insert(before, rank);
    }
    return members;
}

/// What the ranks of a group of threads share: the group, and those that are being split off from it.
class thread_group : public shared_group {
public:
    using shared_group::shared_group;

    /// The group of `members`, numbered in this order. Each of them asks for it, once; who comes first makes it.
    /// @param split  counts the splits of this group
    /// @param beside  other threads of its members go on meanwhile
    template <class = void>
    std::shared_ptr<thread_group> part(std::uint64_t split, int color, std::vector<int> const& members, bool beside = false) {
        std::lock_guard const lock{mutex_};
        auto at = parts_.begin();
        while (at != parts_.end() && (at->split != split || at->color != color)) ++at;
        if (at == parts_.end()) {
            at = parts_.insert(at, {split, color, std::make_shared<thread_group>(*this, members)});
            if (beside) at->made->wait_without_spinning();
        }
        auto group = at->made;
        if (++at->asked == members.size()) parts_.erase(at);
        return group;
    }

private:
    struct part_to_be {
        std::uint64_t split;
        int color;
        std::shared_ptr<thread_group> made;
        std::size_t asked = 0;
    };
    std::mutex mutex_;
    std::vector<part_to_be> parts_;  // that not all members have asked for yet
};

/// What a rank does on one group besides the call it is in.
class thread_side : public shared_group::background {
public:
    thread_side() = default;
    thread_side(thread_side const&) = delete;
    thread_side& operator=(thread_side const&) = delete;
    virtual ~thread_side() = default;
    /// Returns when what was started on the group is over.
    virtual void finish_started() = 0;
};

/// What one rank has under way on all groups that were split from one another. It moves on while the rank waits in any of them: a
/// peer may wait for what was started on one before it comes to a call on another.
class under_way final : public shared_group::background {
public:
    under_way() = default;
    /// Of a group that another thread of the rank uses: it moves on by itself.
    explicit under_way(std::shared_ptr<under_way> whole) : whole_{std::move(whole)} {}
    under_way(under_way const&) = delete;
    under_way& operator=(under_way const&) = delete;
    ~under_way() {
        for (auto const& [group, rank] : left_later_) group->leave(rank);
    }

    /// Lets `group` see only at the end that its `rank` has left it: by then peers are told of the exception that it leaves by.
    void leave_at_the_end(std::shared_ptr<thread_group> group, int rank) {
        if (whole_) whole_->leave_at_the_end(std::move(group), rank);
        else left_later_.push_back({std::move(group), rank});
    }
    void add(background& group) { groups_.push_back(&group); }
    void drop(background& group) { std::erase(groups_, &group); }
    void work() override {
        for (background* const each : groups_) each->work();
    }

private:
    std::shared_ptr<under_way> whole_;
    std::vector<background*> groups_;
    std::vector<std::pair<std::shared_ptr<thread_group>, int>> left_later_;
};

}  // namespace tutti::detail
