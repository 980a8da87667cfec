#include "backends.hpp"
#include "elements.hpp"

#include <tutti/collectives/algorithm/binomial.hpp>
#include <tutti/collectives/algorithm/bruck.hpp>
#include <tutti/collectives/algorithm/circulant.hpp>
#include <tutti/collectives/algorithm/dissemination.hpp>
#include <tutti/collectives/algorithm/double_tree.hpp>
#include <tutti/collectives/algorithm/hierarchical.hpp>
#include <tutti/collectives/algorithm/one_shot.hpp>
#include <tutti/collectives/algorithm/pairwise.hpp>
#include <tutti/collectives/algorithm/rabenseifner.hpp>
#include <tutti/collectives/algorithm/recursive_doubling.hpp>
#include <tutti/collectives/algorithm/recursive_halving.hpp>
#include <tutti/collectives/algorithm/ring.hpp>
#include <tutti/collectives/algorithm/scatter_all_gather.hpp>
#include <tutti/collectives/algorithm/segmented_ring.hpp>
#include <tutti/collectives/algorithm/two_shot.hpp>
#include <tutti/collectives/all_gather.hpp>
#include <tutti/collectives/all_reduce.hpp>
#include <tutti/collectives/all_to_all.hpp>
#include <tutti/collectives/broadcast.hpp>
#include <tutti/collectives/execute.hpp>
#include <tutti/collectives/gather.hpp>
#include <tutti/collectives/reduce.hpp>
#include <tutti/collectives/reduce_scatter.hpp>
#include <tutti/collectives/scatter.hpp>
#include <tutti/comm/threads.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace algorithm = tutti::algorithm;
using laws::values;

namespace {

template <class T, class Algorithm>
void all_reduce_is_right(Algorithm algorithm) {
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        for (std::size_t const n : laws::sizes(world.size(), 2003)) {
            auto mine = values<T>(world.rank(), n), all = std::vector<T>(n);
            auto const wanted = [&](std::size_t i) { return laws::folded<T>(world.size(), i); };
            auto const operation = tutti::commutative{laws::combine{}};    // vouches for those that do not need it
            tutti::all_reduce(world, mine, all, operation, algorithm);
            expect.all(all, wanted, "all_reduce");
            tutti::all_reduce(world, mine, operation, algorithm);
            expect.all(mine, wanted, "all_reduce in place");
        }
    });
}

}  // namespace

TEST_CASE_TEMPLATE("every algorithm's all_reduce is the fold", T, std::int8_t, double, laws::moments) {
    all_reduce_is_right<T>(algorithm::ring{});
    all_reduce_is_right<T>(algorithm::circulant{});
    all_reduce_is_right<T>(algorithm::recursive_doubling{});
    all_reduce_is_right<T>(algorithm::rabenseifner{});
    all_reduce_is_right<T>(algorithm::double_tree{3});
    all_reduce_is_right<T>(algorithm::one_shot{});
    all_reduce_is_right<T>(algorithm::two_shot{});
    all_reduce_is_right<T>(algorithm::segmented_ring{3});
}

TEST_CASE_TEMPLATE("algorithms that keep rank order fold operations that do not commute", T, laws::three_bytes, laws::affine, laws::matrix) {
    all_reduce_is_right<T>(algorithm::recursive_doubling{});
    all_reduce_is_right<T>(algorithm::rabenseifner{});
    all_reduce_is_right<T>(algorithm::one_shot{});
    all_reduce_is_right<T>(algorithm::two_shot{});
}

TEST_CASE_TEMPLATE("recursive halving and the direct reduce_scatter fold operations that do not commute", T, laws::affine, laws::matrix) {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        auto const p = static_cast<std::size_t>(world.size()), r = static_cast<std::size_t>(world.rank());
        for (std::size_t const n : laws::sizes(world.size(), 203)) {
            auto const parts = values<T>(world.rank(), n * p);
            auto scatters = [&](auto algorithm, char const* claim) {
                std::vector<T> part(n);
                tutti::reduce_scatter(world, parts, part, laws::combine{}, algorithm);
                expect.all(part, [&](std::size_t i) { return laws::folded<T>(world.size(), r * n + i); }, claim);
            };
            scatters(algorithm::recursive_halving{}, "recursive_halving");
            scatters(algorithm::two_shot{}, "two_shot");
        }
    });
}

TEST_CASE_TEMPLATE("every algorithm broadcasts from any root", T, std::uint8_t, laws::moments) {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        auto const p = static_cast<std::size_t>(world.size());
        for (int root = 0; root < world.size(); ++root)
            for (std::size_t const n : {std::size_t{0}, std::size_t{1}, p + 1, std::size_t{500}}) {
                auto broadcasts = [&](auto algorithm, char const* claim) {
                    auto data = values<T>(world.rank(), n);
                    tutti::broadcast(world, data, root, algorithm);
                    expect.all(data, [&](std::size_t i) { return laws::value<T>(root, i); }, claim);
                };
                broadcasts(algorithm::scatter_all_gather{}, "scatter_all_gather");
                broadcasts(algorithm::double_tree{4}, "double_tree");
                broadcasts(algorithm::segmented_ring{4}, "segmented_ring");
            }
    });
}

TEST_CASE_TEMPLATE("double trees reduce to any root", T, std::int8_t, laws::moments) {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        for (int root = 0; root < world.size(); ++root)
            for (std::size_t const n : {std::size_t{0}, std::size_t{1}, std::size_t{500}}) {
                auto const data = values<T>(world.rank(), n);
                std::vector<T> all(n);
                tutti::reduce(world, data, all, root, tutti::commutative{laws::combine{}}, algorithm::double_tree{4});
                if (world.rank() == root) expect.all(all, [&](std::size_t i) { return laws::folded<T>(world.size(), i); }, "reduce");
            }
    });
}

TEST_CASE_TEMPLATE("hierarchies broadcast from any root and all_reduce in rank order, for hosts of any size", T, std::int8_t, laws::affine) {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        for (int q = 1; q <= world.size(); ++q) {
            if (world.size() % q != 0) continue;
            for (std::size_t const n : laws::sizes(world.size(), 503)) {
                auto data = values<T>(world.rank(), n);
                algorithm::hierarchical<algorithm::two_shot, algorithm::recursive_doubling> const by{{}, {}, q};
                tutti::all_reduce(world, data, laws::combine{}, by);
                expect.all(data, [&](std::size_t i) { return laws::folded<T>(world.size(), i); }, "all_reduce");
                for (int root = 0; root < world.size(); ++root) {
                    data = values<T>(world.rank(), n);
                    tutti::broadcast(world, data, root, algorithm::hierarchical<algorithm::binomial, algorithm::binomial>{{}, {}, q});
                    expect.all(data, [&](std::size_t i) { return laws::value<T>(root, i); }, "broadcast");
                }
            }
        }
    });
}

TEST_CASE("a barrier by dissemination lets no rank leave before all have come") {
    for (int const ranks : {1, 2, 3, 5, 8}) {
        std::atomic<int> arrived = 0, early = 0;
        tutti::launch<tutti::comm::threads>(ranks, [&](auto& world) {
            tutti::call const what{.kind = tutti::collective::barrier, .algorithm = tutti::algorithm_id::dissemination};
            for (int turn = 1; turn <= 20; ++turn) {
                ++arrived;
                tutti::execute(world, what, algorithm::dissemination::steps({what.kind, ranks, 0, 0}, world.rank()));
                early += arrived < turn * ranks;
            }
        });
        CHECK(early == 0);
    }
}

TEST_CASE_TEMPLATE("binomial trees broadcast, reduce, gather and scatter from any root", T, std::uint8_t, laws::affine, laws::matrix) {
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        auto const p = static_cast<std::size_t>(world.size());
        for (int root = 0; root < world.size(); ++root)
            for (std::size_t const n : {std::size_t{0}, std::size_t{1}, p + 1, std::size_t{500}}) {
                auto data = values<T>(world.rank(), n), all = std::vector<T>(n), wide = std::vector<T>(n * p);
                tutti::reduce(world, data, all, root, laws::combine{}, algorithm::binomial{});
                if (world.rank() == root) expect.all(all, [&](std::size_t i) { return laws::folded<T>(world.size(), i); }, "reduce");
                tutti::gather(world, data, wide, root, algorithm::binomial{});
                if (world.rank() == root)
                    expect.all(wide, [&](std::size_t i) { return laws::value<T>(static_cast<int>(i / n), i % n); }, "gather");
                tutti::scatter(world, wide, all, root, algorithm::binomial{});
                expect.all(all, [&](std::size_t i) { return laws::value<T>(world.rank(), i); }, "scatter");
                tutti::broadcast(world, data, root, algorithm::binomial{});
                expect.all(data, [&](std::size_t i) { return laws::value<T>(root, i); }, "broadcast");
            }
    });
}

TEST_CASE_TEMPLATE("every algorithm's all_gather, all_to_all and reduce_scatter are right", T, std::int8_t, double, laws::moments) {
    laws::on_every_backend([&](auto& world, laws::expectation const& expect) {
        auto const p = static_cast<std::size_t>(world.size()), r = static_cast<std::size_t>(world.rank());
        for (std::size_t const n : laws::sizes(world.size(), 503)) {
            auto const mine = values<T>(world.rank(), n), parts = values<T>(world.rank(), n * p);
            auto gathers = [&](auto algorithm, char const* claim) {
                std::vector<T> all(n * p);
                tutti::all_gather(world, mine, all, algorithm);
                expect.all(all, [&](std::size_t i) { return laws::value<T>(static_cast<int>(i / n), i % n); }, claim);
            };
            gathers(algorithm::ring{}, "ring all_gather");
            gathers(algorithm::bruck{}, "bruck all_gather");
            gathers(algorithm::circulant{}, "circulant all_gather");
            gathers(algorithm::one_shot{}, "one_shot all_gather");
            gathers(algorithm::two_shot{}, "two_shot all_gather");
            auto scatters = [&](auto algorithm, char const* claim) {
                std::vector<T> part(n);
                tutti::reduce_scatter(world, parts, part, tutti::commutative{laws::combine{}}, algorithm);
                expect.all(part, [&](std::size_t i) { return laws::folded<T>(world.size(), r * n + i); }, claim);
            };
            scatters(algorithm::ring{}, "ring reduce_scatter");
            scatters(algorithm::pairwise{}, "pairwise reduce_scatter");
            scatters(algorithm::circulant{}, "circulant reduce_scatter");
            scatters(algorithm::recursive_halving{}, "recursive_halving reduce_scatter");
            scatters(algorithm::two_shot{}, "two_shot reduce_scatter");
            std::vector<T> turned(n * p);
            tutti::all_to_all(world, parts, turned, algorithm::pairwise{});
            expect.all(turned, [&](std::size_t i) { return laws::value<T>(static_cast<int>(i / n), r * n + i % n); }, "all_to_all");
        }
    });
}

TEST_CASE("ranks that ask for different algorithms are told") {
    std::atomic<int> told = 0;
    tutti::launch<tutti::comm::threads>(3, [&](auto& world) {
        std::vector<float> x(8);
        try {
            if (world.rank() == 1) tutti::all_reduce(world, x, std::plus<>{}, algorithm::ring{});
            else tutti::all_reduce(world, x);
        } catch (tutti::collective_mismatch const& error) {
            std::string const text = error.what();
            told += text.find("rank 1 called all_reduce of 8 x float") != std::string::npos && text.find(", by ring") != std::string::npos;
        }
    });
    CHECK(told == 3);
}
