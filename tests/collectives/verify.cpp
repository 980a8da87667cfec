#include <tutti/collectives/algorithm/binomial.hpp>
#include <tutti/collectives/algorithm/dissemination.hpp>
#include <tutti/collectives/algorithm/recursive_doubling.hpp>
#include <tutti/collectives/algorithm/ring.hpp>
#include <tutti/collectives/schedule.hpp>
#include <tutti/collectives/verify.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <limits>
#include <string>
#include <utility>
#include <vector>

using namespace tutti;

namespace {

using action = step::action;

schedule ring_of(int ranks, std::size_t count = 12) { return make_schedule(algorithm::ring{}, {collective::all_reduce, ranks, count, 0}); }

/// A sound schedule with one thing changed.
template <class Change>
fault found_in(schedule whole, Change change) {
    REQUIRE(verify(whole));
    change(whole);
    return verify(whole).what;
}

/// The first step of `rank` that does `what`.
step& first(schedule& whole, int rank, action what) {
    for (step& each : whole.ranks[static_cast<std::size_t>(rank)].steps)
        if (each.what == what) return each;
    throw std::string{"no such step"};
}

/// Two ranks that broadcast by hand.
schedule by_hand(rank_schedule root, rank_schedule other) {
    return {{collective::broadcast, 2, 4, 0}, {std::move(root), std::move(other)}};
}

}  // namespace

TEST_CASE("a sound schedule is found sound, written by hand or made") {
    rank_schedule root, other;
    root.send(0, 1, {memory::out, 0}, 4);
    other.receive(0, 0, {memory::out, 0}, 4);
    CHECK(verify(by_hand(root, other)));
    CHECK(verify(ring_of(3)));
}

TEST_CASE("a peer that is no other rank is found") {
    CHECK(found_in(ring_of(3), [](auto& s) { first(s, 1, action::send).peer = 3; }) == fault::bad_peer);
    CHECK(found_in(ring_of(3), [](auto& s) { first(s, 1, action::send).peer = 1; }) == fault::bad_peer);
}

TEST_CASE("a step past the end of its memory is found") {
    CHECK(found_in(ring_of(3), [](auto& s) { first(s, 2, action::send).at.first = 11; }) == fault::out_of_bounds);
    CHECK(found_in(ring_of(3), [](auto& s) { first(s, 2, action::copy).from.first = 1; }) == fault::out_of_bounds);
}

TEST_CASE("a place so far past the end that its sum with the count wraps is found") {
    CHECK(found_in(ring_of(3), [](auto& s) { first(s, 0, action::send).at.first = std::numeric_limits<std::size_t>::max(); }) ==
          fault::out_of_bounds);
}

TEST_CASE("what only the root has is used by no other rank") {
    rank_schedule root, other;
    root.local(0, {memory::out, 0}, {memory::in, 0}, 4);
    root.receive(1, 1, {memory::out, 0}, 4, action::receive_after);
    other.local(0, {memory::out, 0}, {memory::in, 0}, 4);
    other.send(1, 0, {memory::out, 0}, 4);
    schedule all{{collective::reduce, 2, 4, 0}, {root, other}};
    CHECK(verify(all).what == fault::out_of_bounds);
    all.ranks[1].steps.erase(all.ranks[1].steps.begin());
    all.ranks[1].steps[0].at.where = memory::in;
    CHECK(verify(all));
}

TEST_CASE("steps of another number of ranks, and a root that is none of them, are found") {
    CHECK(found_in(ring_of(3), [](auto& s) { s.ranks.pop_back(); }) == fault::bad_shape);
    CHECK(found_in(ring_of(3), [](auto& s) { s.shape.size = 0; }) == fault::bad_shape);
    CHECK(found_in(make_schedule(algorithm::binomial{}, {collective::broadcast, 2, 4, 0}), [](auto& s) { s.shape.root = 2; }) ==
          fault::bad_shape);
}

TEST_CASE("a step that writes the input is found") {
    CHECK(found_in(ring_of(3), [](auto& s) { first(s, 0, action::receive).at.where = memory::in; }) == fault::writes_input);
}

TEST_CASE("rounds that decrease are found") {
    CHECK(found_in(ring_of(3), [](auto& s) { s.ranks[0].steps.back().round = 0; }) == fault::rounds_decrease);
}

TEST_CASE("a receive over what is being sent is found") {
    CHECK(found_in(ring_of(3), [](auto& s) {
              step const& send = first(s, 0, action::send);
              first(s, 0, action::receive_before).at = send.at;
          }) == fault::clash);
}

TEST_CASE("two messages at once from one rank to another are found") {
    rank_schedule root, other;
    root.send(0, 1, {memory::out, 0}, 2);
    root.send(0, 1, {memory::out, 2}, 2);
    other.receive(0, 0, {memory::out, 0}, 2);
    other.receive(0, 0, {memory::out, 2}, 2);
    CHECK(verify(by_hand(root, other)).what == fault::clash);
}

TEST_CASE("a read of what nothing has written is found") {
    CHECK(found_in(ring_of(3), [](auto& s) { std::erase_if(s.ranks[1].steps, [](step const& each) { return each.what == action::copy; }); }) ==
          fault::reads_unwritten);
}

TEST_CASE("a fold of different elements is found") {
    CHECK(found_in(make_schedule(algorithm::recursive_doubling{}, {collective::all_reduce, 2, 4, 0}), [](auto& s) {
              auto& steps = s.ranks[0].steps;
              for (step& each : steps)
                  if (each.what == action::after) each.count = 3, each.from.first = 1;
          }) == fault::mixes_elements);
}

TEST_CASE("a contribution that counts twice is found") {
    CHECK(found_in(ring_of(3), [](auto& s) {
              for (auto& rank : s.ranks)
                  for (step& each : rank.steps)
                      if (each.what == action::receive) each.what = action::receive_after;
          }) == fault::counted_twice);
}

TEST_CASE("a send that is longer than its receive is found") {
    CHECK(found_in(ring_of(3), [](auto& s) { first(s, 1, action::send).count -= 1; }) == fault::size_mismatch);
}

TEST_CASE("a receive whose peer never sends is found, and a send whose peer never receives") {
    CHECK(found_in(ring_of(3), [](auto& s) { s.ranks[1].steps.pop_back(); }) == fault::unmatched);
    rank_schedule root, other;
    root.send(0, 1, {memory::out, 0}, 4);
    CHECK(verify(by_hand(root, other)).what == fault::unmatched);
}

TEST_CASE("ranks that wait in a circle are found: sends in one round, receives in the next") {
    CHECK(found_in(ring_of(4), [](auto& s) {
              for (auto& rank : s.ranks)
                  for (step& each : rank.steps) each.round = 2 * each.round + (each.what == action::send ? 0 : 1);
          }) == fault::deadlock);
}

TEST_CASE("a result that lacks a contribution is found, and one of another element") {
    CHECK(found_in(ring_of(3), [](auto& s) {
              for (auto& rank : s.ranks)
                  for (step& each : rank.steps)
                      if (each.what == action::receive_before) each.what = action::receive;
          }) == fault::wrong_result);
    rank_schedule root, other;
    root.send(0, 1, {memory::out, 0}, 2);
    other.receive(0, 0, {memory::out, 2}, 2);
    CHECK(verify(by_hand(root, other)).what == fault::wrong_result);
}

TEST_CASE("folding out of rank order is found where order is demanded, and only there") {
    CHECK(verify(ring_of(3)));
    CHECK(verify(ring_of(3), true).what == fault::reordered);
    CHECK(found_in(make_schedule(algorithm::recursive_doubling{}, {collective::all_reduce, 4, 5, 0}), [](auto&) {}) == fault::none);
    auto swapped = make_schedule(algorithm::recursive_doubling{}, {collective::all_reduce, 4, 5, 0});
    REQUIRE(verify(swapped, true));
    for (auto& rank : swapped.ranks)
        for (step& each : rank.steps)
            if (each.folds()) each.what = each.what == action::before ? action::after : action::before;
    CHECK(verify(swapped));
    CHECK(verify(swapped, true).what == fault::reordered);
}

TEST_CASE("a barrier that a rank can leave before another has come is found") {
    auto barrier = [](int ranks) { return make_schedule(algorithm::dissemination{}, {collective::barrier, ranks, 0, 0}); };
    CHECK(found_in(barrier(5), [](auto& s) {
              for (auto& rank : s.ranks) std::erase_if(rank.steps, [](step const& each) { return each.round == 2; });
          }) == fault::leaves_early);
    // What comes in during a round cannot go out again in it.
    CHECK(found_in(barrier(3), [](auto& s) {
              for (auto& rank : s.ranks)
                  for (step& each : rank.steps) each.round = 0;
              s.ranks[0].scratch = s.ranks[1].scratch = s.ranks[2].scratch = 2;
              for (auto& rank : s.ranks) rank.steps[3].at.first = 1;
          }) == fault::none);  // since all hear of all three at once
    CHECK(found_in(barrier(4), [](auto& s) {
              for (auto& rank : s.ranks) {
                  rank.scratch = 2;
                  for (step& each : rank.steps) each.round = 0;
                  rank.steps[3].at.first = 1;
              }
          }) == fault::leaves_early);
    CHECK(found_in(barrier(70), [](auto& s) {
              for (auto& rank : s.ranks) std::erase_if(rank.steps, [](step const& each) { return each.round == 6; });
          }) == fault::leaves_early);
}

TEST_CASE("a fault beyond the first 64 ranks is found") {
    auto whole = ring_of(70, 70);
    REQUIRE(verify(whole));
    for (step& each : whole.ranks[68].steps)
        if (each.what == action::receive_before) {
            each.what = action::receive;
            break;
        }
    CHECK(verify(whole).what == fault::wrong_result);
}
