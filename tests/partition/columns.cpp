#include <tutti/comm/solo.hpp>
#include <tutti/error.hpp>
#include <tutti/partition/columns.hpp>
#include <tutti/partition/rows.hpp>

#include <doctest/doctest.h>

#include <cstddef>

namespace partition = tutti::partition;

static_assert(partition::columns(10, 1, 3) == tutti::slice{4, 7});
static_assert(partition::rows(2, 2, 3) == tutti::slice{2, 2});  // more ranks than rows
static_assert(partition::columns(10, tutti::comm::solo{}) == tutti::slice{0, 10});

TEST_CASE("every column is one rank's, in order, and no rank has two more than another; rows are dealt alike") {
    for (std::size_t const count : {std::size_t{0}, std::size_t{1}, std::size_t{5}, std::size_t{7}, std::size_t{1024}})
        for (int ranks = 1; ranks <= 9; ++ranks) {
            std::size_t next = 0;
            for (int rank = 0; rank < ranks; ++rank) {
                auto const mine = partition::columns(count, rank, ranks);
                CHECK(mine.first == next);
                CHECK(mine.size() >= count / static_cast<std::size_t>(ranks));
                CHECK(mine.size() <= count / static_cast<std::size_t>(ranks) + 1);
                CHECK(partition::rows(count, rank, ranks) == mine);
                next = mine.last;
            }
            CHECK(next == count);
        }
}

TEST_CASE("a rank that is none is refused") {
    CHECK_THROWS_WITH_AS(partition::columns(4, 2, 2), "tutti: partition: there is no rank 2 in a group of 2", tutti::usage_error);
    CHECK_THROWS_AS(partition::rows(4, -1, 2), tutti::usage_error);
    CHECK_THROWS_AS(partition::rows(4, 0, 0), tutti::usage_error);
}
