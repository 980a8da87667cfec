#include <tutti/collectives/algorithm/hierarchical.hpp>
#include <tutti/collectives/algorithms.hpp>
#include <tutti/collectives/price.hpp>
#include <tutti/collectives/schedule.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>

using namespace tutti;

namespace {

constexpr alpha_beta_gamma model{3e-6, 2e-9, 5e-10};
constexpr double alpha = model.alpha, beta = model.beta, gamma_ = model.gamma;

/// Of a schedule of elements of 4 bytes.
template <class Algorithm>
double seconds(Algorithm algorithm, collective kind, int ranks, std::size_t count, int root = 0) {
    return price(make_schedule(algorithm, {kind, ranks, count, root}), model, 4);
}

int log2_up(int n) { return static_cast<int>(std::bit_width(static_cast<unsigned>(n - 1))); }

/// What the formulas are made of. n: bytes of the whole message, divisible by the number of ranks.
struct terms {
    int ranks;
    std::size_t count = 240 * static_cast<std::size_t>(ranks), part = 240;
    double p = ranks, n = 4 * static_cast<double>(count), depth = log2_up(ranks), share = (p - 1) / p;
};

}  // namespace

TEST_CASE("prices for any number of ranks are those of the closed forms") {
    for (int const ranks : {1, 2, 3, 5, 8, 12, 16, 33}) {
        terms const t{ranks};
        auto const &[_, count, part, p, n, depth, share] = t;
        INFO("ranks ", ranks);
        CHECK(seconds(algorithm::ring{}, collective::all_reduce, ranks, count) ==
              doctest::Approx(2 * (p - 1) * alpha + 2 * share * n * beta + share * n * gamma_));
        CHECK(seconds(algorithm::ring{}, collective::all_gather, ranks, part) == doctest::Approx((p - 1) * alpha + share * n * beta));
        CHECK(seconds(algorithm::ring{}, collective::reduce_scatter, ranks, part) ==
              doctest::Approx((p - 1) * alpha + share * n * (beta + gamma_)));
        CHECK(seconds(algorithm::circulant{}, collective::all_reduce, ranks, count) ==
              doctest::Approx(2 * depth * alpha + 2 * share * n * beta + share * n * gamma_));
        CHECK(seconds(algorithm::bruck{}, collective::all_gather, ranks, part) == doctest::Approx(depth * alpha + share * n * beta));
        CHECK(seconds(algorithm::pairwise{}, collective::all_to_all, ranks, part) == doctest::Approx((p - 1) * alpha + share * n * beta));
        CHECK(seconds(algorithm::dissemination{}, collective::barrier, ranks, 0) == doctest::Approx(depth * (alpha + beta)));
        if (ranks == 1) continue;
        CHECK(seconds(algorithm::one_shot{}, collective::all_reduce, ranks, count) ==
              doctest::Approx(alpha + (p - 1) * n * (beta + gamma_)));
        CHECK(seconds(algorithm::two_shot{}, collective::all_reduce, ranks, count) ==
              doctest::Approx(2 * alpha + 2 * share * n * beta + share * n * gamma_));
        for (int const k : {1, 4, 24})
            CHECK(seconds(algorithm::segmented_ring{k}, collective::broadcast, ranks, count, ranks / 2) ==
                  doctest::Approx((k + p - 2) * (alpha + n / k * beta)));
    }
}

TEST_CASE("prices for powers of two are those of the closed forms") {
    for (int const ranks : {1, 2, 4, 8, 32, 64}) {
        terms const t{ranks};
        auto const &[_, count, part, p, n, depth, share] = t;
        INFO("ranks ", ranks);
        CHECK(seconds(algorithm::recursive_doubling{}, collective::all_reduce, ranks, count) ==
              doctest::Approx(depth * (alpha + n * beta + n * gamma_)));
        CHECK(seconds(algorithm::rabenseifner{}, collective::all_reduce, ranks, count) ==
              doctest::Approx(2 * depth * alpha + 2 * share * n * beta + share * n * gamma_));
        CHECK(seconds(algorithm::recursive_halving{}, collective::reduce_scatter, ranks, part) ==
              doctest::Approx(depth * alpha + share * n * (beta + gamma_)));
        CHECK(seconds(algorithm::binomial{}, collective::broadcast, ranks, count, ranks / 2) == doctest::Approx(depth * (alpha + n * beta)));
        CHECK(seconds(algorithm::binomial{}, collective::reduce, ranks, count, ranks - 1) ==
              doctest::Approx(depth * (alpha + n * (beta + gamma_))));
        CHECK(seconds(algorithm::binomial{}, collective::scatter, ranks, part) == doctest::Approx(depth * alpha + share * n * beta));
        CHECK(seconds(algorithm::scatter_all_gather{}, collective::broadcast, ranks, count) ==
              doctest::Approx((depth + p - 1) * alpha + 2 * share * n * beta));
    }
}

TEST_CASE("two trees take at most their rounds, and with the best number of segments nearly one message's time") {
    for (int const ranks : {3, 8, 17, 32, 64}) {
        terms const t{ranks};
        for (int const k : {1, 8, 60}) {
            INFO("ranks ", ranks, ", segments ", k);
            double const bound = (2 * t.depth + 2 * k) * (alpha + beta * std::ceil(t.n / 4 / (2 * k)) * 4);
            double const found = seconds(algorithm::double_tree{k}, collective::broadcast, ranks, t.count);
            CHECK(found <= bound);
            CHECK(found >= bound / 3);
            CHECK(seconds(algorithm::double_tree{k}, collective::reduce, ranks, t.count) >= found);
        }
        std::size_t const large = 1 << 20;
        double const n = 4. * static_cast<double>(large);
        int const best = static_cast<int>(std::sqrt(beta * n * t.depth / (2 * alpha)));
        CHECK(seconds(algorithm::double_tree{best}, collective::broadcast, ranks, large) < 1.6 * n * beta);
        CHECK(seconds(algorithm::binomial{}, collective::broadcast, ranks, large) > 1.9 * n * beta);
    }
}

TEST_CASE("a hierarchy costs its three parts") {
    for (int const q : {1, 2, 4, 8}) {
        int const ranks = 16, hosts = ranks / q;
        terms const t{ranks};
        double const parts = seconds(algorithm::ring{}, collective::reduce_scatter, q, t.count / static_cast<std::size_t>(q)) +
                             seconds(algorithm::rabenseifner{}, collective::all_reduce, hosts, t.count / static_cast<std::size_t>(q)) +
                             seconds(algorithm::ring{}, collective::all_gather, q, t.count / static_cast<std::size_t>(q));
        algorithm::hierarchical<algorithm::ring, algorithm::rabenseifner> const both{{}, {}, q};
        CHECK(seconds(both, collective::all_reduce, ranks, t.count) == doctest::Approx(parts));
    }
}

TEST_CASE("halving overtakes doubling at the size that the formula names") {
    for (int const ranks : {4, 8, 32}) {
        terms const t{ranks};
        double const bytes = alpha * t.depth / (beta * (t.depth - 2 * t.share) + gamma_ * (t.depth - t.share));
        auto faster = [&](double factor) {  // doubling than halving
            auto const count = static_cast<std::size_t>(factor * bytes / 4 / t.p) * static_cast<std::size_t>(ranks);
            return seconds(algorithm::recursive_doubling{}, collective::all_reduce, ranks, count) <
                   seconds(algorithm::rabenseifner{}, collective::all_reduce, ranks, count);
        };
        CHECK(faster(0.9));
        CHECK_FALSE(faster(1.2));
    }
}

TEST_CASE("a message under LogGP takes L + 2o + (k-1)G, and those beside it a gap each") {
    log_gp const detailed{.latency = 5e-6, .overhead = 1e-6, .gap = 3e-6, .gap_per_byte = 2e-9, .fold_per_byte = 1e-9};
    auto const one = make_schedule(algorithm::binomial{}, {collective::broadcast, 2, 100, 0});
    CHECK(price(one, detailed, 8) == doctest::Approx(5e-6 + 2e-6 + 799 * 2e-9));
    auto const tree = make_schedule(algorithm::binomial{}, {collective::reduce, 8, 100, 0});
    CHECK(price(tree, detailed, 8) == doctest::Approx(3 * (5e-6 + 2e-6 + 799 * 2e-9 + 800e-9)));
    auto const direct = make_schedule(algorithm::one_shot{}, {collective::all_gather, 5, 100, 0});
    CHECK(price(direct, detailed, 8) == doctest::Approx(5e-6 + 2e-6 + 3 * 3e-6 + 4 * 799 * 2e-9));
}

TEST_CASE("a late rank delays those who wait for it and nobody else") {
    schedule chain{{collective::broadcast, 3, 10, 0}, std::vector<rank_schedule>(3)};
    chain.ranks[0].send(0, 1, {memory::out, 0}, 10);
    chain.ranks[1].receive(0, 0, {memory::out, 0}, 10);
    chain.ranks[1].send(1, 2, {memory::out, 0}, 10);
    chain.ranks[2].receive(7, 1, {memory::out, 0}, 10);  // rounds without steps cost nothing
    CHECK(price(chain, model, 4) == doctest::Approx(2 * (alpha + 40 * beta)));
}

TEST_CASE("a schedule that never ends has no price") {
    auto whole = make_schedule(algorithm::ring{}, {collective::all_reduce, 4, 12, 0});
    for (auto& rank : whole.ranks)
        for (step& each : rank.steps) each.round = 2 * each.round + (each.what == step::action::send ? 0 : 1);
    CHECK_THROWS_AS(price(whole, model, 4), usage_error);
    whole = make_schedule(algorithm::ring{}, {collective::all_reduce, 4, 12, 0});
    whole.ranks[2].steps.pop_back();
    CHECK_THROWS_AS(price(whole, model, 4), usage_error);
}

static_assert(price(make_schedule(algorithm::ring{}, {collective::all_reduce, 2, 2, 0}), alpha_beta_gamma{1, 0, 0}, 4) == 2);
