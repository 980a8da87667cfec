#include "backends.hpp"
#include "elements.hpp"

#include <tutti/collectives/exclusive_scan.hpp>
#include <tutti/collectives/scan.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

TEST_CASE_TEMPLATE("scan folds the ranks up to this one, in place and apart, in rank order", T, std::int8_t, double, laws::moments,
                   laws::three_bytes, laws::affine, laws::matrix) {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        for (std::size_t const n : laws::sizes(world.size(), 2003)) {
            std::vector<T> in(n), out(n);
            for (std::size_t i = 0; i < n; ++i) in[i] = laws::value<T>(world.rank(), i);
            auto const wanted = [&](std::size_t i) { return laws::folded<T>(world.rank() + 1, i); };
            tutti::scan(world, in, out, laws::combine{});
            expect.all(out, wanted, "scan");
            auto started = tutti::start_scan(world, in, in, laws::combine{});
            started.wait();
            expect.all(in, wanted, "start_scan in place");
        }
    });
}

TEST_CASE_TEMPLATE("exclusive_scan folds a first value and the ranks before this one, in place and apart", T, std::int8_t, double,
                   laws::moments, laws::affine, laws::matrix) {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        T const init = laws::value<T>(20, 3);
        for (std::size_t const n : laws::sizes(world.size(), 2003)) {
            std::vector<T> in(n), out(n);
            for (std::size_t i = 0; i < n; ++i) in[i] = laws::value<T>(world.rank(), i);
            auto const wanted = [&](std::size_t i) {
                return world.rank() == 0 ? init : laws::combine{}(init, laws::folded<T>(world.rank(), i));
            };
            tutti::exclusive_scan(world, in, out, init, laws::combine{});
            expect.all(out, wanted, "exclusive_scan");
            tutti::exclusive_scan(world, in, in, init, laws::combine{});
            expect.all(in, wanted, "exclusive_scan in place");
        }
    });
}

TEST_CASE("scans of one value give a rank its share of the count") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        int const r = world.rank();
        expect.equal(tutti::scan(world, r + 1), (r + 1) * (r + 2) / 2, "scan");
        expect.equal(tutti::exclusive_scan(world, r + 1, 100), 100 + r * (r + 1) / 2, "exclusive_scan");
    });
}
