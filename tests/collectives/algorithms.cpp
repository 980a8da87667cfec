#include <tutti/collectives/algorithm/hierarchical.hpp>
#include <tutti/collectives/algorithm/hillis_steele.hpp>
#include <tutti/collectives/algorithms.hpp>
#include <tutti/collectives/schedule.hpp>
#include <tutti/collectives/verify.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <iterator>
#include <set>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

using namespace tutti;

namespace {

constexpr collective kinds[] = {collective::barrier,        collective::broadcast, collective::reduce,
                                collective::all_reduce,     collective::reduce_scatter, collective::gather,
                                collective::scatter,        collective::all_gather, collective::all_to_all,
                                collective::scan,           collective::exclusive_scan};

constexpr bool has_root(collective kind) {
    return kind == collective::broadcast || kind == collective::reduce || kind == collective::gather || kind == collective::scatter;
}

/// Every collective that the algorithm makes, for these ranks, around the sizes where parts become empty or uneven.
template <class Algorithm>
verdict verify_all(Algorithm algorithm, int ranks) {
    auto const p = static_cast<std::size_t>(ranks);
    for (collective const kind : kinds) {
        if (!Algorithm::makes(kind)) continue;
        std::vector<int> roots{0};
        if (has_root(kind)) roots = {0, ranks / 2, ranks - 1};
        std::vector<std::size_t> counts{0};
        if (kind != collective::barrier) counts = {0, 1, p - 1, p + 1};
        for (std::size_t const count : counts)
            for (int const root : roots)
                if (auto const found = verify(make_schedule(algorithm, {kind, ranks, count, root}), Algorithm::keeps_order); !found) return found;
    }
    return {};
}

/// The same in a constant expression: one size each, since compilers bound the work of one.
template <class Algorithm, int Ranks, collective Kind>
constexpr bool sound() {
    if constexpr (!Algorithm::makes(Kind)) return true;
    else {
        std::size_t const count = Kind == collective::barrier ? 0 : brings_parts(Kind) || gets_parts(Kind) ? 1 : Ranks + 1;
        return bool{verify(make_schedule(Algorithm{}, {Kind, Ranks, count, Ranks - 1}), Algorithm::keeps_order)};
    }
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

/// Hosts with two ranks each.
template <class Inner, class Outer>
struct pairs_of : algorithm::hierarchical<Inner, Outer> {
    constexpr pairs_of() : algorithm::hierarchical<Inner, Outer>{{}, {}, 2} {}
};

/// Hosts of every size that divides the number of ranks.
template <class Inner, class Outer>
void check_hierarchy(Inner inner, Outer outer) {
    auto check = [&](int ranks) {
        for (int q = 1; q <= ranks; ++q) {
            if (ranks % q != 0) continue;
            auto const found = verify_all(algorithm::hierarchical<Inner, Outer>{inner, outer, q}, ranks);
            CHECK_MESSAGE(found, ranks, " ranks, ", q, " per host: ", describe(found));
        }
    };
    for (int ranks = 1; ranks <= 64; ++ranks) check(ranks);
    check(100);
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
static_assert(sound_for_ranks<algorithm::hillis_steele, 1, 2, 3, 4, 5, 6, 7, 8>);
static_assert(sound_for_ranks<algorithm::recursive_halving, 1, 2, 3, 4, 5, 6, 7, 8>);
static_assert(sound_for_ranks<algorithm::dissemination, 1, 2, 3, 4, 5, 6, 7, 8>);
static_assert(sound_for_ranks<algorithm::scatter_all_gather, 1, 2, 3, 4, 5, 6, 7, 8>);
static_assert(sound_for_ranks<algorithm::double_tree, 1, 2, 3, 4, 5, 6, 7, 8>);
static_assert(sound_for_ranks<algorithm::one_shot, 1, 2, 3, 4, 5, 6, 7, 8>);
static_assert(sound_for_ranks<algorithm::two_shot, 1, 2, 3, 4, 5, 6, 7, 8>);
static_assert(sound_for_ranks<algorithm::segmented_ring, 1, 2, 3, 4, 5, 6, 7, 8>);
static_assert(sound_for_ranks<pairs_of<algorithm::ring, algorithm::rabenseifner>, 2, 4, 6, 8>);
static_assert(sound_for_ranks<pairs_of<algorithm::binomial, algorithm::scatter_all_gather>, 2, 4, 6, 8>);

TEST_CASE("ring schedules are sound up to 64 ranks") { check_up_to_64(algorithm::ring{}); }
TEST_CASE("recursive_doubling schedules are sound up to 64 ranks, in rank order") { check_up_to_64(algorithm::recursive_doubling{}); }
TEST_CASE("rabenseifner schedules are sound up to 64 ranks, in rank order") { check_up_to_64(algorithm::rabenseifner{}); }
TEST_CASE("binomial schedules are sound up to 64 ranks, in rank order") { check_up_to_64(algorithm::binomial{}); }
TEST_CASE("bruck schedules are sound up to 64 ranks") { check_up_to_64(algorithm::bruck{}); }
TEST_CASE("pairwise schedules are sound up to 64 ranks") { check_up_to_64(algorithm::pairwise{}); }
TEST_CASE("circulant schedules are sound up to 64 ranks") { check_up_to_64(algorithm::circulant{}); }
TEST_CASE("hillis_steele schedules are sound up to 64 ranks, in rank order") { check_up_to_64(algorithm::hillis_steele{}); }
TEST_CASE("recursive_halving schedules are sound up to 64 ranks, in rank order") { check_up_to_64(algorithm::recursive_halving{}); }
TEST_CASE("dissemination schedules are sound up to 64 ranks") { check_up_to_64(algorithm::dissemination{}); }
TEST_CASE("scatter_all_gather schedules are sound up to 64 ranks") { check_up_to_64(algorithm::scatter_all_gather{}); }
TEST_CASE("double_tree schedules are sound up to 64 ranks") { check_up_to_64(algorithm::double_tree{}); }
TEST_CASE("one_shot schedules are sound up to 64 ranks, in rank order") { check_up_to_64(algorithm::one_shot{}); }
TEST_CASE("two_shot schedules are sound up to 64 ranks, in rank order") { check_up_to_64(algorithm::two_shot{}); }
TEST_CASE("segmented_ring schedules are sound up to 64 ranks") { check_up_to_64(algorithm::segmented_ring{}); }

TEST_CASE("double trees and segmented rings are sound with one segment, and with more than there are elements") {
    for (int const ranks : {1, 2, 3, 4, 9, 16, 33})
        for (int const segments : {1, 2, 3, 100}) {
            INFO(ranks, " ranks, segments: ", segments);
            CHECK(verify_all(algorithm::double_tree{segments}, ranks));
            CHECK(verify_all(algorithm::segmented_ring{segments}, ranks));
        }
}

TEST_CASE("parameters that make no sense are refused") {
    schedule_shape const shape{collective::broadcast, 6, 12, 0};
    CHECK_THROWS_AS(algorithm::double_tree{0}.steps(shape, 0), usage_error);
    CHECK_THROWS_AS(algorithm::segmented_ring{-1}.steps(shape, 0), usage_error);
    using both = algorithm::hierarchical<algorithm::binomial, algorithm::binomial>;
    CHECK_THROWS_WITH_AS((both{{}, {}, 4}.steps(shape, 0)),
                         "tutti: hierarchical needs a number of ranks that ranks_per_host, 4, divides, not 6", usage_error);
    CHECK_THROWS_AS((both{{}, {}, 0}.steps(shape, 0)), usage_error);
}

TEST_CASE("hierarchies of two algorithms are sound up to 64 ranks, for hosts of any size") {
    check_hierarchy(algorithm::ring{}, algorithm::ring{});
    check_hierarchy(algorithm::circulant{}, algorithm::rabenseifner{});
    static_assert(algorithm::hierarchical<algorithm::two_shot, algorithm::rabenseifner>::keeps_order);
    check_hierarchy(algorithm::two_shot{}, algorithm::rabenseifner{});
    check_hierarchy(algorithm::binomial{}, algorithm::double_tree{2});
    check_hierarchy(algorithm::scatter_all_gather{}, algorithm::binomial{});
}

TEST_CASE("a hierarchy of hierarchies is sound") {
    using hosts = algorithm::hierarchical<algorithm::binomial, algorithm::binomial>;
    CHECK(verify_all(algorithm::hierarchical<hosts, algorithm::binomial>{{{}, {}, 2}, {}, 6}, 24));
}

TEST_CASE("the two trees have no rank with children in both, and no rank sends or receives twice a round") {
    for (int nodes = 1; nodes <= 200; ++nodes) {
        algorithm::detail::two_trees const trees{nodes};
        for (int node = 1; node <= nodes; ++node) {
            INFO("nodes ", nodes, ", node ", node);
            auto const &first = trees.children(0, node), &second = trees.children(1, node);
            CHECK((first[0] == 0 || second[0] == 0));
            CHECK(trees.first_round(0, node) % 2 != trees.first_round(1, node) % 2);
            for (int const tree : {0, 1}) {
                auto const& [one, other] = trees.children(tree, node);
                if (one != 0 && other != 0) CHECK(trees.first_round(tree, one) % 2 != trees.first_round(tree, other) % 2);
            }
        }
        CHECK(trees.first_round(0, trees.children(0, 0)[0]) != trees.first_round(1, trees.children(1, 0)[0]));
    }
}

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
        if (power) {
            auto const halves = cost_of(algorithm::recursive_halving{}, {collective::reduce_scatter, p, 24, 0});
            CHECK(halves.rounds == depth);
            CHECK(halves.sent == (ranks - 1) * 24);
        }
        CHECK(cost_of(algorithm::dissemination{}, {collective::barrier, p, 0, 0}).rounds == depth);

        auto const cut = cost_of(algorithm::scatter_all_gather{}, {collective::broadcast, p, n, 0});
        CHECK(cut.rounds <= depth + p - 1);
        CHECK(cut.sent <= 2 * (ranks - 1) * n / ranks);

        auto const one_shot = cost_of(algorithm::one_shot{}, {collective::all_reduce, p, n, 0});
        CHECK(one_shot.rounds == 1);
        CHECK(one_shot.sent == (ranks - 1) * n);
        CHECK(cost_of(algorithm::one_shot{}, {collective::all_gather, p, 24, 0}).sent == (ranks - 1) * 24);
        auto const two_shot = cost_of(algorithm::two_shot{}, {collective::all_reduce, p, n, 0});
        CHECK(two_shot.rounds == 2);
        CHECK(two_shot.sent == 2 * (ranks - 1) * n / ranks);

        for (int const k : {1, 3, 24}) {
            INFO("segments ", k);
            for (collective const kind : {collective::broadcast, collective::reduce}) {
                auto const trees = make_schedule(algorithm::double_tree{k}, {kind, p, n, 0});
                int last = 0;
                for (auto const& rank : trees.ranks) last = std::max(last, rank.rounds() - (kind == collective::reduce ? 1 : 0));
                CHECK(last <= 2 * depth + 2 * k);
                CHECK(cost_of(algorithm::double_tree{k}, {kind, p, n, 0}).sent <= n);
            }
            auto const chain = make_schedule(algorithm::segmented_ring{k}, {collective::broadcast, p, n, 0});
            CHECK(chain.ranks.back().rounds() == k + p - 2);
            auto const rings = cost_of(algorithm::segmented_ring{k}, {collective::all_reduce, p, n, 0});
            CHECK(rings.rounds == 2 * k * (p - 1));
            if (n % (ranks * static_cast<std::size_t>(k)) == 0) CHECK(rings.sent == 2 * (ranks - 1) * n / ranks);
        }
        for (int q = 1; q <= p; ++q) {
            if (p % q != 0) continue;
            using both = algorithm::hierarchical<algorithm::ring, algorithm::ring>;
            auto const hosts = cost_of(both{{}, {}, q}, {collective::all_reduce, p, n, 0});
            CHECK(hosts.rounds == 2 * (q - 1) + 2 * (p / q - 1));
            CHECK(hosts.sent == 2 * (ranks - 1) * n / ranks);
        }
        auto const pairwise = cost_of(algorithm::pairwise{}, {collective::all_to_all, p, 24, 0});
        CHECK(pairwise.rounds == p - 1);
        CHECK(pairwise.sent == (ranks - 1) * 24);
    }
}

TEST_CASE("an algorithm chosen at run time is the one that the id names") {
    schedule_shape const shape{collective::all_reduce, 6, 13, 0};
    auto same = [&](auto algorithm) {
        for (int rank = 0; rank < shape.size; ++rank) {
            auto const mine = algorithm.steps(shape, rank), chosen = steps_of(algorithm.id, shape, rank);
            CHECK(mine.scratch == chosen.scratch);
            CHECK(std::equal(mine.steps.begin(), mine.steps.end(), chosen.steps.begin(), chosen.steps.end(), [](step const& a, step const& b) {
                return a.what == b.what && a.round == b.round && a.peer == b.peer && a.at == b.at && a.from == b.from && a.count == b.count;
            }));
        }
    };
    same(algorithm::ring{});
    same(algorithm::rabenseifner{});
    same(algorithm::double_tree{});
    same(algorithm::two_shot{});
}

TEST_CASE("all that can be chosen at run time is sound and keeps order where it says so") {
    for (algorithm_id const which : algorithm_ids)
        for (collective const kind : kinds) {
            if (!makes(which, kind)) continue;
            INFO(name(which), " ", name(kind));
            CHECK(verify(make_schedule(which, {kind, 11, kind == collective::barrier ? 0u : 12u, 3}), keeps_order(which)));
        }
}

TEST_CASE("every id but those that do not tell an algorithm can be chosen, and has a name of its own") {
    std::set<algorithm_id> const ids(algorithm_ids.begin(), algorithm_ids.end());
    std::set<std::string_view> names;
    CHECK(ids.size() == algorithm_ids.size());
    for (int k = 0; k <= static_cast<int>(algorithm_id::own); ++k) {
        auto const which = static_cast<algorithm_id>(k);
        names.insert(name(which));
        bool const tells = which != algorithm_id::automatic && which != algorithm_id::hierarchical && which != algorithm_id::own;
        CHECK(ids.contains(which) == tells);
    }
    CHECK(names.size() == static_cast<std::size_t>(algorithm_id::own) + 1);
}

TEST_CASE("an algorithm chosen at run time for what it does not make is refused") {
    CHECK_THROWS_WITH_AS(steps_of(algorithm_id::bruck, {collective::all_reduce, 4, 8, 0}, 0),
                         "tutti: bruck is not known to make all_reduce; tutti::makes tells which do", usage_error);
    CHECK_THROWS_AS(steps_of(algorithm_id::hierarchical, {collective::all_reduce, 4, 8, 0}, 0), usage_error);
    CHECK_FALSE(makes(algorithm_id::automatic, collective::all_reduce));
    CHECK_FALSE(keeps_order(algorithm_id::own));
}

static_assert(makes(algorithm_id::dissemination, collective::barrier) && !makes(algorithm_id::ring, collective::barrier));
static_assert(keeps_order(algorithm_id::one_shot) && !keeps_order(algorithm_id::ring));
