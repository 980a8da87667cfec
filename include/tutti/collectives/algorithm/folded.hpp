#pragma once

#include <tutti/collectives/schedule.hpp>

#include <bit>
#include <cstddef>

namespace tutti::algorithm::detail {

/// The largest group of 2^k ranks to which the others hand their input first and from which they get the result last:
/// of the first 2 (p - 2^k) ranks each even one hands over to the odd one after it, so that numbers follow rank order.
class folded {
public:
    constexpr folded(int ranks, int rank)
        : size_{static_cast<int>(std::bit_floor(static_cast<unsigned>(ranks)))},
          rest_{ranks - size_},
          rank_{rank} {}

    constexpr int size() const { return size_; }
    constexpr bool takes_part() const { return rank_ >= 2 * rest_ || rank_ % 2 == 1; }
    /// This rank's number in the group.
    constexpr int number() const { return rank_ < 2 * rest_ ? rank_ / 2 : rank_ - rest_; }
    constexpr int rank_of(int number) const { return number < rest_ ? 2 * number + 1 : number + rest_; }
    /// The first of the ranks that this number stands for; of those after it comes the next number's.
    constexpr int first(int number) const { return number < rest_ ? 2 * number : number + rest_; }

    /// `out` of every rank that takes part holds its own input and that of the rank it stands for. Returns the next round.
    constexpr int fold_in(rank_schedule& mine, std::size_t count) const {
        mine.local(0, {memory::out, 0}, {memory::in, 0}, count);
        if (rank_ < 2 * rest_) {
            if (takes_part()) mine.receive(1, rank_ - 1, {memory::out, 0}, count, step::action::receive_before);
            else mine.send(1, rank_ + 1, {memory::out, 0}, count);
        }
        return 2;
    }
    /// The ranks that do not take part get the result.
    constexpr void fold_out(rank_schedule& mine, std::size_t count, int round) const {
        if (rank_ >= 2 * rest_) return;
        if (takes_part()) mine.send(round, rank_ - 1, {memory::out, 0}, count);
        else mine.receive(round, rank_ + 1, {memory::out, 0}, count);
    }

private:
    int size_, rest_, rank_;
};

}  // namespace tutti::algorithm::detail
