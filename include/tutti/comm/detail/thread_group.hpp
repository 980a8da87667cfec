#pragma once

#include <tutti/comm/detail/shared_group.hpp>

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
class thread_side : public background {
public:
    thread_side() = default;
    thread_side(thread_side const&) = delete;
    thread_side& operator=(thread_side const&) = delete;
    virtual ~thread_side() = default;
    /// Returns when what was started on the group is over.
    virtual void finish_started() = 0;

private:
    friend class under_way;
    thread_side* next_ = nullptr;  // of those that are under way
};

/// What one rank has under way on all groups that were split from one another. It moves on while the rank waits in any of them: a
/// peer may wait for what was started on one before it comes to a call on another.
class under_way final : public background {
public:
    under_way() = default;
    /// Of a group that another thread of the rank uses: it moves on by itself.
    explicit under_way(std::shared_ptr<under_way> whole) : whole_{std::move(whole)} {}
    under_way(under_way const&) = delete;
    under_way& operator=(under_way const&) = delete;
    ~under_way() {
        while (left_later_) {
            left_later_->group->leave(left_later_->rank);
            delete std::exchange(left_later_, left_later_->next);
        }
    }

    /// Lets `group` see only at the end that its `rank` has left it: by then peers are told of the exception that it leaves by.
    void leave_at_the_end(std::shared_ptr<thread_group> group, int rank) {
        if (whole_) whole_->leave_at_the_end(std::move(group), rank);
        else left_later_ = new left{std::move(group), rank, left_later_};
    }
    void add(thread_side& group) { *place_of(nullptr) = &group; }
    void drop(thread_side& group) { *place_of(&group) = group.next_; }
    bool work() override {
        bool more = false;
        for (thread_side* each = first_; each; each = each->next_) more |= each->work();
        return more;
    }

private:
    struct left {
        std::shared_ptr<thread_group> group;
        int rank;
        left* next;
    };
    thread_side** place_of(thread_side const* group) {
        thread_side** at = &first_;
        while (*at != group) at = &(*at)->next_;
        return at;
    }

    std::shared_ptr<under_way> whole_;
    thread_side* first_ = nullptr;  // lists: a vector of one more type would take longer to compile than all of this
    left* left_later_ = nullptr;
};

}  // namespace tutti::detail
