#include "backends.hpp"
#include "elements.hpp"

#include <tutti/collectives/barrier.hpp>
#include <tutti/collectives/gather.hpp>
#include <tutti/collectives/reduce.hpp>
#include <tutti/collectives/scatter.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

TEST_CASE_TEMPLATE("reduce folds in rank order at its root, in place and apart, and writes nowhere else", T, std::int8_t, double,
                   laws::moments, laws::three_bytes, laws::affine, laws::matrix) {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        int const p = world.size();
        for (int root = 0; root < p; root += p > 1 ? p - 1 : 1)
            for (std::size_t const n : laws::sizes(p, 1009)) {
                bool const here = world.rank() == root;
                std::vector<T> mine(n), all(here ? n : 3, laws::value<T>(5, 5));
                for (std::size_t i = 0; i < n; ++i) mine[i] = laws::value<T>(world.rank(), i);
                auto const before = all;
                auto const wanted = [&](std::size_t i) { return laws::folded<T>(p, i); };
                tutti::reduce(world, mine, all, root, laws::combine{});
                if (here) expect.all(all, wanted, "reduce");
                else expect(all == before, "the output of other ranks stays");
                auto started = tutti::start_reduce(world, mine, all, root, laws::combine{});
                started.wait();
                if (here) expect.all(all, wanted, "start_reduce");
                tutti::reduce(world, mine, mine, root, laws::combine{});
                if (here) expect.all(mine, wanted, "reduce in place");
            }
    });
}

TEST_CASE("reduce of one value gives the root the fold and others their own") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        int const p = world.size(), got = tutti::reduce(world, world.rank() + 1, p - 1);
        expect.equal(got, world.rank() == p - 1 ? p * (p + 1) / 2 : world.rank() + 1, "sum");
    });
}

TEST_CASE_TEMPLATE("gather and scatter move parts to and from their root, in place and apart", T, std::uint8_t, float, laws::three_bytes,
                   laws::matrix) {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        auto const p = static_cast<std::size_t>(world.size()), r = static_cast<std::size_t>(world.rank());
        for (int root = 0; root < world.size(); root += p > 1 ? world.size() - 1 : 1)
            for (std::size_t const n : laws::sizes(world.size(), 1009)) {
                bool const here = world.rank() == root;
                std::vector<T> mine(n), all(here ? n * p : 0), back(n);
                for (std::size_t i = 0; i < n; ++i) mine[i] = laws::value<T>(world.rank(), i);
                auto const wanted = [&](std::size_t i) { return laws::value<T>(static_cast<int>(i / n), i % n); };
                auto const own = [&](std::size_t i) { return laws::value<T>(world.rank(), i); };
                tutti::gather(world, mine, all, root);
                if (here) expect.all(all, wanted, "gather");
                tutti::scatter(world, all, back, root);
                expect.all(back, own, "scatter");

                std::span const place = here ? std::span{all}.subspan(r * n, n) : std::span{mine};
                auto gathering = tutti::start_gather(world, place, all, root);
                gathering.wait();
                if (here) expect.all(all, wanted, "start_gather in place");
                auto scattering = tutti::start_scatter(world, all, place, root);
                scattering.wait();
                expect.all(place, own, "start_scatter in place");
            }
        expect.equal(tutti::gather(world, world.rank() * 3, 0).size(), world.rank() == 0 ? p : 0, "one value each");
    });
}

TEST_CASE("calls with a root refuse what does not fit before anything is sent") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        auto const p = static_cast<std::size_t>(world.size());
        std::vector<int> mine(4), all(4 * p), wrong(4 * p + 1);
        for (int const root : {-1, world.size()}) {
            expect.template throws<tutti::usage_error>([&] { tutti::reduce(world, mine, all, root); }, {"reduce", "root"}, "reduce");
            expect.template throws<tutti::usage_error>([&] { tutti::gather(world, mine, all, root); }, {"gather", "root"}, "gather");
            expect.template throws<tutti::usage_error>([&] { tutti::scatter(world, all, mine, root); }, {"scatter", "root"}, "scatter");
        }
        int const here = world.rank();    // every rank is the root of its own wrong call
        expect.template throws<tutti::usage_error>([&] { tutti::reduce(world, mine, wrong, here); }, {"reduce"}, "size");
        expect.template throws<tutti::usage_error>([&] { tutti::gather(world, mine, wrong, here); }, {"gather"}, "size");
        expect.template throws<tutti::usage_error>([&] { tutti::scatter(world, wrong, mine, here); }, {"scatter"}, "size");
        tutti::barrier(world);
    });
}
