#include "backends.hpp"
#include "elements.hpp"

#include <tutti/collectives/all_to_all.hpp>
#include <tutti/collectives/barrier.hpp>
#include <tutti/collectives/reduce_scatter.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

TEST_CASE_TEMPLATE("reduce_scatter gives each rank its part of the fold in rank order, in place and apart", T, std::int8_t, double,
                   laws::moments, laws::three_bytes, laws::affine, laws::matrix) {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        auto const p = static_cast<std::size_t>(world.size()), r = static_cast<std::size_t>(world.rank());
        for (std::size_t const n : laws::sizes(world.size(), 1009)) {
            std::vector<T> in(n * p), out(n);
            for (std::size_t i = 0; i < in.size(); ++i) in[i] = laws::value<T>(world.rank(), i);
            auto const brought = in;
            auto const wanted = [&](std::size_t i) { return laws::folded<T>(world.size(), r * n + i); };
            tutti::reduce_scatter(world, in, out, laws::combine{});
            expect.all(out, wanted, "reduce_scatter");
            expect(in == brought, "the input stays");
            std::span const place = std::span{in}.subspan(r * n, n);
            auto started = tutti::start_reduce_scatter(world, in, place, laws::combine{});
            started.wait();
            expect.all(place, wanted, "start_reduce_scatter in place");
        }
    });
}

// Sums of ints are what MPI can make itself.
TEST_CASE("reduce_scatter may be in place on some ranks and apart on others: blocking, started, and of parts with counts") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        auto const p = static_cast<std::size_t>(world.size()), r = static_cast<std::size_t>(world.rank());
        for (std::size_t const n : laws::sizes(world.size(), 1009)) {
            std::vector<int> brought(n * p);
            for (std::size_t i = 0; i < brought.size(); ++i) brought[i] = static_cast<int>((r + 1) * (i + 3));
            auto const wanted = [&](std::size_t i) { return static_cast<int>(p * (p + 1) / 2 * (r * n + i + 3)); };
            std::vector<std::size_t> const counts(p, n);
            for (std::size_t const those : {std::size_t{0}, std::size_t{1}}) {
                auto check = [&](char const* what, auto reduce) {
                    auto in = brought;
                    std::vector<int> out(n);
                    std::span const place = r % 2 == those ? std::span{in}.subspan(r * n, n) : std::span{out};
                    reduce(in, place);
                    expect.all(place, wanted, what);
                    for (std::size_t i = 0; i < in.size(); ++i)
                        if (i < r * n || i >= (r + 1) * n) expect(in[i] == brought[i], "the other parts stay");
                };
                check("reduce_scatter", [&](auto& in, auto place) { tutti::reduce_scatter(world, in, place); });
                check("start_reduce_scatter", [&](auto& in, auto place) { tutti::start_reduce_scatter(world, in, place).wait(); });
                check("reduce_scatter_v", [&](auto& in, auto place) { tutti::reduce_scatter_v(world, in, place, counts); });
                check("start_reduce_scatter_v",
                      [&](auto& in, auto place) { tutti::start_reduce_scatter_v(world, in, place, counts).wait(); });
            }
        }
    });
}

TEST_CASE_TEMPLATE("all_to_all transposes parts", T, std::uint8_t, float, laws::three_bytes, laws::matrix) {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        auto const p = static_cast<std::size_t>(world.size()), r = static_cast<std::size_t>(world.rank());
        for (std::size_t const n : laws::sizes(world.size(), 1009)) {
            std::vector<T> in(n * p), out(n * p);
            for (std::size_t i = 0; i < in.size(); ++i) in[i] = laws::value<T>(world.rank(), i);
            auto const wanted = [&](std::size_t i) { return laws::value<T>(static_cast<int>(i / n), r * n + i % n); };
            tutti::all_to_all(world, in, out);
            expect.all(out, wanted, "all_to_all");
            std::vector<T> again(n * p);
            auto started = tutti::start_all_to_all(world, in, again);
            started.wait();
            expect.all(again, wanted, "start_all_to_all");
        }
    });
}

TEST_CASE("calls on parts refuse what does not fit before anything is sent") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        auto const p = static_cast<std::size_t>(world.size());
        std::vector<int> one(4), all(4 * p), more(4 * p + p), odd(4 * p + 1);
        expect.template throws<tutti::usage_error>([&] { tutti::reduce_scatter(world, more, one); }, {"reduce_scatter"}, "size");
        expect.template throws<tutti::usage_error>([&] { tutti::all_to_all(world, all, more); }, {"all_to_all"}, "size");
        if (p > 1) expect.template throws<tutti::usage_error>([&] { tutti::all_to_all(world, odd, odd); }, {"all_to_all", "evenly"}, "odd");
        expect.template throws<tutti::usage_error>([&] { tutti::all_to_all(world, all, all); }, {"all_to_all", "overlap"}, "in place");
        tutti::barrier(world);
    });
}
