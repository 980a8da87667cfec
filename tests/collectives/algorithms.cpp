#include <tutti/collectives/algorithm/binomial.hpp>
#include <tutti/collectives/algorithm/bruck.hpp>
#include <tutti/collectives/algorithm/circulant.hpp>
#include <tutti/collectives/algorithm/pairwise.hpp>
#include <tutti/collectives/algorithm/rabenseifner.hpp>
#include <tutti/collectives/algorithm/recursive_doubling.hpp>
#include <tutti/collectives/algorithm/ring.hpp>
#include <tutti/collectives/schedule.hpp>
#include <tutti/collectives/verify.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <iterator>
#include <type_traits>
#include <utility>
#include <vector>

using namespace tutti;

namespace {

constexpr collective kinds[] = {collective::broadcast, collective::reduce,  collective::all_reduce, collective::reduce_scatter,
                                collective::gather,    collective::scatter, collective::all_gather, collective::all_to_all};

/// Every collective that the algorithm makes, for these ranks, around the sizes where parts become empty or uneven.
template <class Algorithm>
verdict verify_all(Algorithm algorithm, int ranks) {
    auto const p = static_cast<std::size_t>(ranks);
    for (collective const kind : kinds) {
        if (!Algorithm::makes(kind)) continue;
        for (std::size_t const count : {std::size_t{0}, std::size_t{1}, p - 1, p + 1})
            for (int root = 0; root < ranks; root += ranks > 1 ? ranks - 1 : 1)
                if (auto const found = verify(make_schedule(algorithm, {kind, ranks, count, root}), Algorithm::keeps_order); !found) return found;
    }
    return {};
}

/// The same in a constant expression: one size each, since compilers bound the work of one.
template <class Algorithm, int Ranks, collective Kind>
constexpr bool sound() {
    if constexpr (!Algorithm::makes(Kind)) return true;
    else return bool{verify(make_schedule(Algorithm{}, {Kind, Ranks, brings_parts(Kind) || gets_parts(Kind) ? 1 : Ranks + 1, Ranks - 1}), Algorithm::keeps_order)};
}
template <class Algorithm, int Ranks, std::size_t... K>
constexpr bool sound_for(std::index_sequence<K...>) {
    return (std::bool_constant<sound<Algorithm, Ranks, kinds[K]>()>::value && ...);
}
template <class Algorithm, int... Ranks>
constexpr bool sound_for_ranks = (sound_for<Algorithm, Ranks>(std::make_index_sequence<std::size(kinds)>{}) && ...);

template <class Algorithm>
void check_up_to_64(Algorithm algorithm) {
    for (int ranks = 1; ranks <= 64; ++ranks) {
        auto const found = verify_all(algorithm, ranks);
        CHECK_MESSAGE(found, ranks, " ranks: ", describe(found));
    }
    CHECK(verify_all(algorithm, 100));
}

struct cost {
    int rounds = 0;             // with transfers, the most of any rank
    std::size_t sent = 0;       // elements, the most of any rank
};

template <class Algorithm>
cost cost_of(Algorithm algorithm, schedule_shape const& shape) {
    cost most;
    auto const whole = make_schedule(algorithm, shape);
    for (auto const& rank : whole.ranks) {
        cost mine;
        int last = -1;
        for (step const& each : rank.steps) {
            if (!each.transfers()) continue;
            if (each.round != last) ++mine.rounds, last = each.round;
            if (each.what == step::action::send) mine.sent += each.count;
        }
        most = {std::max(most.rounds, mine.rounds), std::max(most.sent, mine.sent)};
    }
    return most;
}

int log2_up(int n) { return static_cast<int>(std::bit_width(static_cast<unsigned>(n - 1))); }

}  // namespace

static_assert(sound_for_ranks<algorithm::ring, 1, 2, 3, 4, 5, 6, 7, 8>);
static_assert(sound_for_ranks<algorithm::recursive_doubling, 1, 2, 3, 4, 5, 6, 7, 8>);
static_assert(sound_for_ranks<algorithm::rabenseifner, 1, 2, 3, 4, 5, 6, 7, 8>);
static_assert(sound_for_ranks<algorithm::binomial, 1, 2, 3, 4, 5, 6, 7, 8>);
static_assert(sound_for_ranks<algorithm::bruck, 1, 2, 3, 4, 5, 6, 7, 8>);
static_assert(sound_for_ranks<algorithm::pairwise, 1, 2, 3, 4, 5, 6, 7, 8>);
static_assert(sound_for_ranks<algorithm::circulant, 1, 2, 3, 4, 5, 6, 7, 8>);

TEST_CASE("ring schedules are sound up to 64 ranks") { check_up_to_64(algorithm::ring{}); }
TEST_CASE("recursive_doubling schedules are sound up to 64 ranks, in rank order") { check_up_to_64(algorithm::recursive_doubling{}); }
TEST_CASE("rabenseifner schedules are sound up to 64 ranks, in rank order") { check_up_to_64(algorithm::rabenseifner{}); }
TEST_CASE("binomial schedules are sound up to 64 ranks, in rank order") { check_up_to_64(algorithm::binomial{}); }
TEST_CASE("bruck schedules are sound up to 64 ranks") { check_up_to_64(algorithm::bruck{}); }
TEST_CASE("pairwise schedules are sound up to 64 ranks") { check_up_to_64(algorithm::pairwise{}); }
TEST_CASE("circulant schedules are sound up to 64 ranks") { check_up_to_64(algorithm::circulant{}); }

TEST_CASE("rounds and elements sent are those of the formulas") {
    for (int p : {2, 3, 4, 7, 8, 16, 23, 32}) {
        auto const ranks = static_cast<std::size_t>(p), n = 24 * ranks;
        int const depth = log2_up(p);
        bool const power = std::has_single_bit(ranks);
        INFO("ranks ", p);

        auto const ring = cost_of(algorithm::ring{}, {collective::all_reduce, p, n, 0});
        CHECK(ring.rounds == 2 * (p - 1));
        CHECK(ring.sent == 2 * (ranks - 1) * n / ranks);

        auto const circulant = cost_of(algorithm::circulant{}, {collective::all_reduce, p, n, 0});
        CHECK(circulant.rounds == 2 * depth);
        CHECK(circulant.sent == 2 * (ranks - 1) * n / ranks);

        if (power) {
            auto const doubling = cost_of(algorithm::recursive_doubling{}, {collective::all_reduce, p, n, 0});
            CHECK(doubling.rounds == depth);
            CHECK(doubling.sent == static_cast<std::size_t>(depth) * n);
            auto const halving = cost_of(algorithm::rabenseifner{}, {collective::all_reduce, p, n, 0});
            CHECK(halving.rounds == 2 * depth);
            CHECK(halving.sent == 2 * (ranks - 1) * n / ranks);
        }
        auto const bruck = cost_of(algorithm::bruck{}, {collective::all_gather, p, 24, 0});
        CHECK(bruck.rounds == depth);
        CHECK(bruck.sent == (ranks - 1) * 24);

        for (int root : {0, p / 2, p - 1}) {
            auto const tree = cost_of(algorithm::binomial{}, {collective::broadcast, p, n, root});
            CHECK(tree.rounds <= depth);
            CHECK(tree.sent <= static_cast<std::size_t>(depth) * n);
            CHECK(make_schedule(algorithm::binomial{}, {collective::reduce, p, n, root}).ranks[static_cast<std::size_t>(root)].rounds() <= depth + 1);
        }
        auto const pairwise = cost_of(algorithm::pairwise{}, {collective::all_to_all, p, 24, 0});
        CHECK(pairwise.rounds == p - 1);
        CHECK(pairwise.sent == (ranks - 1) * 24);
    }
}
