#include <tutti/concepts/partition.hpp>
#include <tutti/partition/block.hpp>
#include <tutti/partition/permutation.hpp>
#include <tutti/partition/shuffled.hpp>
#include <tutti/partition/strided.hpp>
#include <tutti/partition/weighted.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <set>
#include <type_traits>
#include <vector>

namespace partition = tutti::partition;
using tutti::share_of;

static_assert(tutti::data_partition<partition::block> && tutti::data_partition<partition::strided> &&
              tutti::data_partition<partition::shuffled> && tutti::data_partition<partition::weighted>);

namespace {

constexpr int rank_counts[] = {1, 2, 3, 4, 5, 6, 7, 8, 16};

std::vector<std::size_t> sizes(int ranks) {
    auto const p = static_cast<std::size_t>(ranks);
    return {0, 1, p - 1, p, p + 1, 10 * p + 1, 1000, 1023, 1024, 1025, 2500};
}

/// Rows that all ranks together meet in positions [first, last).
template <class Partition>
std::multiset<std::size_t> rows_of_window(Partition const& dealt, std::int64_t epoch, std::size_t size, int ranks,
                                          std::size_t first, std::size_t last) {
    std::multiset<std::size_t> rows;
    for (int rank = 0; rank < ranks; ++rank) {
        auto const share = dealt.share(share_of{epoch, size, rank, ranks});
        for (std::size_t k = share.before(first); k < share.before(last); ++k) rows.insert(share.row(k));
    }
    return rows;
}

template <class Partition>
void check_laws(Partition const& dealt, int ranks) {
    for (std::size_t const size : sizes(ranks))
        for (std::int64_t const epoch : {0, 1}) {
            std::vector<decltype(dealt.share({}))> shares;
            for (int rank = 0; rank < ranks; ++rank) shares.push_back(dealt.share(share_of{epoch, size, rank, ranks}));
            bool grows_by_one = true, sums_to_position = true, starts_at_0 = true;
            for (auto const& share : shares) starts_at_0 = starts_at_0 && share.before(0) == 0;
            for (std::size_t x = 0; x < size; ++x) {
                std::size_t grown = 0;
                for (auto const& share : shares) {
                    std::size_t const now = share.before(x), next = share.before(x + 1);
                    grows_by_one = grows_by_one && (next == now || next == now + 1);
                    grown += next - now;
                }
                sums_to_position = sums_to_position && grown == 1;
            }
            CAPTURE(ranks);
            CAPTURE(size);
            CHECK(starts_at_0);
            CHECK(grows_by_one);
            CHECK(sums_to_position);
            if (!starts_at_0 || !sums_to_position) continue;  // rows past the last one may be anything
            std::vector<int> met(size, 0);
            bool in_range = true;
            for (auto const& share : shares)
                for (std::size_t k = 0; k < share.before(size); ++k) {
                    in_range = in_range && share.row(k) < size;
                    if (share.row(k) < size) ++met[share.row(k)];
                }
            CHECK(in_range);
            CHECK(met == std::vector<int>(size, 1));
        }
}

}  // namespace

TEST_CASE("block, strided and shuffled deal every sample exactly once, and their counts are monotone and sum to the position") {
    for (int const ranks : rank_counts) {
        check_laws(partition::block{}, ranks);
        check_laws(partition::strided{}, ranks);
        check_laws(partition::shuffled{}, ranks);
        check_laws(partition::shuffled{.seed = 77}, ranks);
    }
}

TEST_CASE("block gives each rank neighbouring samples in order, and the first size % p ranks one more") {
    for (int const ranks : rank_counts)
        for (std::size_t const size : sizes(ranks)) {
            auto const p = static_cast<std::size_t>(ranks);
            std::size_t next = 0;
            for (int rank = 0; rank < ranks; ++rank) {
                auto const share = partition::block{}.share(share_of{3, size, rank, ranks});
                std::size_t const wanted = size / p + (static_cast<std::size_t>(rank) < size % p ? 1 : 0);
                CHECK(share.before(size) == wanted);
                bool in_order = true;
                for (std::size_t k = 0; k < wanted; ++k) in_order = in_order && share.row(k) == next++;
                CHECK(in_order);
            }
            CHECK(next == size);
        }
}

TEST_CASE("strided deals sample i to rank i % p") {
    for (int const ranks : rank_counts)
        for (int rank = 0; rank < ranks; ++rank) {
            auto const share = partition::strided{}.share(share_of{0, 100, rank, ranks});
            bool dealt = true;
            std::size_t k = 0;
            for (std::size_t i = 0; i < 100; ++i) {
                dealt = dealt && share.before(i) == k;
                if (i % static_cast<std::size_t>(ranks) == static_cast<std::size_t>(rank)) dealt = dealt && share.row(k++) == i;
            }
            CHECK(dealt);
        }
}

TEST_CASE("ranks hold the same number of samples of every batch, to one") {
    for (int const ranks : rank_counts)
        for (std::size_t const batch : {1u, 7u, 64u})
            for (std::size_t first = 0; first + batch <= 1000; first += batch) {
                std::set<std::size_t> held;
                for (int rank = 0; rank < ranks; ++rank) {
                    auto const share = partition::shuffled{.seed = 5}.share(share_of{0, 1000, rank, ranks});
                    held.insert(share.before(first + batch) - share.before(first));
                }
                CHECK(*held.rbegin() - *held.begin() <= 1);
            }
}

TEST_CASE("strided, shuffled and weighted show every batch the same samples on any number of ranks") {
    for (int const ranks : rank_counts)
        for (std::size_t first = 0; first < 300; first += 37) {
            std::size_t const last = first + 37 < 300 ? first + 37 : 300;
            std::vector<double> weights;
            for (int rank = 0; rank < ranks; ++rank) weights.push_back(1.0 + rank % 3);
            CHECK(rows_of_window(partition::strided{}, 2, 300, ranks, first, last) ==
                  rows_of_window(partition::strided{}, 2, 300, 1, first, last));
            CHECK(rows_of_window(partition::shuffled{.seed = 4}, 2, 300, ranks, first, last) ==
                  rows_of_window(partition::shuffled{.seed = 4}, 2, 300, 1, first, last));
            CHECK(rows_of_window(partition::weighted{.weights = weights}, 2, 300, ranks, first, last) ==
                  rows_of_window(partition::strided{}, 2, 300, 1, first, last));
            CHECK(rows_of_window(partition::weighted{.weights = weights, .seed = 4}, 2, 300, ranks, first, last) ==
                  rows_of_window(partition::shuffled{.seed = 4}, 2, 300, 1, first, last));
        }
}

TEST_CASE("shuffled goes through the samples in the order of the permutation of its seed and the epoch") {
    for (std::int64_t const epoch : {0, 1, 9}) {
        auto const share = partition::shuffled{.seed = 21}.share(share_of{epoch, 500, 0, 1});
        partition::permutation const order{500, 21, static_cast<std::uint64_t>(epoch)};
        bool same = true;
        for (std::size_t k = 0; k < 500; ++k) same = same && share.row(k) == order(k);
        CHECK(same);
    }
}
