#include "backends.hpp"
#include "elements.hpp"

#include <tutti/collectives/all_gather.hpp>
#include <tutti/collectives/all_to_all.hpp>
#include <tutti/collectives/barrier.hpp>
#include <tutti/collectives/direct.hpp>
#include <tutti/collectives/gather.hpp>
#include <tutti/collectives/reduce_scatter.hpp>
#include <tutti/collectives/scatter.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

using laws::values;

namespace {

using counts = std::vector<std::size_t>;

/// Lists of counts for p ranks: nothing at all, all on one rank, small and ragged, and too large for one cache line each.
std::vector<counts> lists(int ranks) {
    auto const p = static_cast<std::size_t>(ranks);
    counts none(p, 0), alike(p, 3), last(p, 0), first(p, 0), ragged(p, 0), large(p, 0);
    last.back() = 5;
    first.front() = 700;
    for (std::size_t k = 0; k < p; ++k) ragged[k] = (k * 7 + 2) % 4, large[k] = (k * 5 + 1) % 7 * 211;
    return {none, alike, last, first, ragged, large};
}
std::size_t sum(counts const& list, std::size_t how_many) {
    std::size_t whole = 0;
    for (std::size_t k = 0; k < how_many; ++k) whole += list[k];
    return whole;
}
/// What rank r sends to rank s: a matrix that is not symmetric and holds zeros, small (scale 1) or large.
std::size_t passed(std::size_t r, std::size_t s, std::size_t scale) { return (r * 3 + s * 5 + 1) % 4 * scale; }

/// Every rank's counts[rank] values, one after another.
template <class T>
std::vector<T> joined(counts const& list) {
    std::vector<T> all;
    for (std::size_t k = 0; k < list.size(); ++k)
        for (T const& each : values<T>(static_cast<int>(k), list[k])) all.push_back(each);
    return all;
}

}  // namespace

TEST_CASE_TEMPLATE("gathers of parts that differ join them in rank order: blocking, started, in place and by messages", T,
                   std::int8_t, double, laws::three_bytes, laws::matrix) {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        auto const p = static_cast<std::size_t>(world.size()), r = static_cast<std::size_t>(world.rank());
        for (counts const& list : lists(world.size())) {
            auto const mine = values<T>(world.rank(), list[r]), wanted = joined<T>(list);
            std::vector<T> all(wanted.size()), blank = all;
            tutti::all_gather_v(world, mine, all, list);
            expect(all == wanted, "all_gather_v");
            expect(tutti::all_gather_v(world, mine) == wanted, "all_gather_v that finds the counts");
            auto in_place = blank;
            std::span const place = std::span{in_place}.subspan(sum(list, r), list[r]);
            for (std::size_t i = 0; i < place.size(); ++i) place[i] = mine[i];
            tutti::all_gather_v(world, place, in_place, list);
            expect(in_place == wanted, "all_gather_v in place");
            all = blank;
            auto running = tutti::start_all_gather_v(world, mine, all, counts{list});  // gone before the wait
            running.wait();
            expect(all == wanted, "start_all_gather_v");
            all = blank;
            tutti::detail::perform_directly(world, tutti::detail::all_gather_v_call(world, mine, all, list));
            expect(all == wanted, "all_gather_v by messages");

            for (int root = 0; root<world.size(); root += p> 1 ? world.size() - 1 : 1) {
                bool const here = world.rank() == root;
                std::vector<T> got(here ? wanted.size() : 0), empty = got;
                auto const right = here ? wanted : std::vector<T>{};
                tutti::gather_v(world, mine, got, list, root);
                expect(got == right, "gather_v");
                expect(tutti::gather_v(world, mine, root) == right, "gather_v that finds the counts");
                got = empty;
                auto gathering = tutti::start_gather_v(world, mine, got, counts{list}, root);
                gathering.wait();
                expect(got == right, "start_gather_v");
                got = empty;
                tutti::detail::perform_directly(world, tutti::detail::gather_v_call(world, mine, got, list, root));
                expect(got == right, "gather_v by messages");
                got = empty;
                std::span const own = here ? std::span{got}.subspan(sum(list, r), list[r]) : std::span{in_place}.first(list[r]);
                for (std::size_t i = 0; i < own.size(); ++i) own[i] = mine[i];
                tutti::gather_v(world, own, got, list, root);
                expect(got == right, "gather_v in place");
            }
        }
    });
}

TEST_CASE_TEMPLATE("scatter_v gives each rank its part of the root's: blocking, started, in place and by messages", T, std::uint8_t,
                   float, laws::three_bytes, laws::matrix) {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        auto const p = static_cast<std::size_t>(world.size()), r = static_cast<std::size_t>(world.rank());
        for (counts const& list : lists(world.size()))
            for (int root = 0; root<world.size(); root += p> 1 ? world.size() - 1 : 1) {
                bool const here = world.rank() == root;
                auto all = here ? values<T>(root, sum(list, p)) : std::vector<T>{};
                auto const wanted = values<T>(root, list[r], sum(list, r));
                std::vector<T> got(list[r]), blank = got;
                tutti::scatter_v(world, all, got, list, root);
                expect(got == wanted, "scatter_v");
                got = blank;
                auto running = tutti::start_scatter_v(world, all, got, counts{list}, root);
                running.wait();
                expect(got == wanted, "start_scatter_v");
                got = blank;
                tutti::detail::perform_directly(world, tutti::detail::scatter_v_call(world, all, got, list, root));
                expect(got == wanted, "scatter_v by messages");
                std::span const place = here ? std::span{all}.subspan(sum(list, r), list[r]) : std::span{got};
                tutti::scatter_v(world, all, place, list, root);
                expect.all(
                    place, [&](std::size_t i) { return wanted[i]; }, "scatter_v in place");
            }
    });
}

TEST_CASE_TEMPLATE(
    "reduce_scatter_v gives each rank its part of the fold in rank order: blocking, started, in place and by messages", T,
    std::int8_t, double, laws::moments, laws::three_bytes, laws::affine, laws::matrix) {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        auto const p = static_cast<std::size_t>(world.size()), r = static_cast<std::size_t>(world.rank());
        for (counts const& list : lists(world.size())) {
            auto const mine = values<T>(world.rank(), sum(list, p));
            auto const wanted = [&](std::size_t i) { return laws::folded<T>(world.size(), sum(list, r) + i); };
            std::vector<T> got(list[r]), blank = got;
            laws::combine const operation{};
            tutti::reduce_scatter_v(world, mine, got, list, operation);
            expect.all(got, wanted, "reduce_scatter_v");
            got = blank;
            auto running = tutti::start_reduce_scatter_v(world, mine, got, counts{list}, operation);
            running.wait();
            expect.all(got, wanted, "start_reduce_scatter_v");
            got = blank;
            tutti::detail::perform_directly(world, tutti::detail::reduce_scatter_v_call(world, mine, got, list, operation));
            expect.all(got, wanted, "reduce_scatter_v by messages");
            for (bool const by_messages : {false, true}) {
                auto all = mine;
                std::span const place = std::span{all}.subspan(sum(list, r), list[r]);
                if (by_messages)
                    tutti::detail::perform_directly(world,
                                                    tutti::detail::reduce_scatter_v_call(world, all, place, list, operation));
                else tutti::reduce_scatter_v(world, all, place, list, operation);
                expect.all(place, wanted, "reduce_scatter_v in place");
            }
        }
    });
}

TEST_CASE_TEMPLATE("all_to_all_v passes every part to its rank: blocking, started and by messages", T, std::uint8_t, double,
                   laws::three_bytes, laws::matrix) {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        auto const p = static_cast<std::size_t>(world.size()), r = static_cast<std::size_t>(world.rank());
        // Scales by sender: all small, all large, and small ones beside large ones.
        for (std::size_t const mix : {0u, 1u, 2u, 3u}) {
            auto scale = [&](std::size_t sender) { return mix == 0 ? 1 : mix == 1 ? 301 : mix == 2 ? sender % 2 * 401 : 0; };
            counts sent(p), received(p);
            for (std::size_t k = 0; k < p; ++k) sent[k] = passed(r, k, scale(r)), received[k] = passed(k, r, scale(k));
            auto const mine = values<T>(world.rank(), sum(sent, p));
            std::vector<T> wanted;
            for (std::size_t k = 0; k < p; ++k) {
                std::size_t before = 0;
                for (std::size_t s = 0; s < r; ++s) before += passed(k, s, scale(k));
                for (T const& each : values<T>(static_cast<int>(k), received[k], before)) wanted.push_back(each);
            }
            std::vector<T> got(wanted.size()), blank = got;
            tutti::all_to_all_v(world, mine, sent, got, received);
            expect(got == wanted, "all_to_all_v");
            got = blank;
            auto running = tutti::start_all_to_all_v(world, mine, counts{sent}, got, counts{received});
            running.wait();
            expect(got == wanted, "start_all_to_all_v");
            got = blank;
            tutti::detail::perform_directly(world, tutti::detail::all_to_all_v_call(world, mine, sent, got, received));
            expect(got == wanted, "all_to_all_v by messages");
        }
    });
}

TEST_CASE("parts that are alike travel straight between ranks too, and what has no parts is refused") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        auto const p = static_cast<std::size_t>(world.size()), r = static_cast<std::size_t>(world.rank());
        std::size_t const n = 5;
        auto const mine = values<double>(world.rank(), n), parts = values<double>(world.rank(), n * p);
        std::vector<double> all(n * p), part(n);
        std::plus<> const operation{};
        tutti::detail::perform_directly(world, tutti::detail::all_gather_call(world, mine, all));
        expect(all == joined<double>(counts(p, n)), "all_gather");
        tutti::detail::perform_directly(world, tutti::detail::all_to_all_call(world, parts, all));
        expect.all(
            all, [&](std::size_t i) { return laws::value<double>(static_cast<int>(i / n), r * n + i % n); }, "all_to_all");
        tutti::detail::perform_directly(world, tutti::detail::reduce_scatter_call(world, parts, part, operation));
        expect.all(
            part, [&](std::size_t i) { return laws::folded<double>(world.size(), r * n + i); }, "reduce_scatter");
        expect.template throws<tutti::usage_error>(
            [&] { tutti::detail::perform_directly(world, tutti::call{.kind = tutti::collective::barrier}); }, {"barrier"},
            "barrier");
    });
}

TEST_CASE("any contiguous range of std::size_t gives the counts") {
    laws::on_threads({3}, [](auto& world, laws::expectation const& expect) {
        std::array<std::size_t, 3> const list{2, 0, 1};
        std::vector<int> const mine(list[static_cast<std::size_t>(world.rank())], world.rank());
        std::vector<int> all(3);
        tutti::all_gather_v(world, mine, all, list);
        tutti::all_gather_v(world, mine, all, std::span<std::size_t const>{list});
        expect(all == std::vector<int>{0, 0, 2}, "joined");
    });
}

TEST_CASE("calls on parts that differ refuse what does not fit before anything is sent") {
    laws::on_every_backend([](auto& world, laws::expectation const& expect) {
        using tutti::usage_error;
        auto const p = static_cast<std::size_t>(world.size());
        int const here = world.rank();  // every rank is the root of its own wrong call
        counts const list(p, 4), short_list(p - 1, 4), long_list(p + 1, 4), huge(p, std::numeric_limits<std::size_t>::max() / p);
        std::vector<int> mine(4), all(4 * p), wide(4 * p + 1);
        for (counts const& wrong : {short_list, long_list}) {
            expect.template throws<usage_error>([&] { tutti::all_gather_v(world, mine, all, wrong); },
                                                {"all_gather_v", "list of counts"}, "list");
            expect.template throws<usage_error>([&] { tutti::all_to_all_v(world, all, list, all, wrong); },
                                                {"all_to_all_v", "list of counts"}, "list");
        }
        expect.template throws<usage_error>([&] { tutti::all_gather_v(world, mine, all, huge); }, {"all_gather_v", "memory"},
                                            "too much");
        expect.template throws<usage_error>([&] { tutti::all_gather_v(world, mine, wide, list); }, {"all_gather_v", "output"},
                                            "size");
        expect.template throws<usage_error>([&] { tutti::all_gather_v(world, wide, all, list); }, {"all_gather_v", "input"},
                                            "size");
        expect.template throws<usage_error>([&] { tutti::gather_v(world, mine, wide, list, here); }, {"gather_v", "output"},
                                            "size");
        expect.template throws<usage_error>([&] { tutti::gather_v(world, mine, all, list, -1); }, {"gather_v", "root"}, "root");
        expect.template throws<usage_error>([&] { (void)tutti::gather_v(world, mine, world.size()); }, {"gather_v", "root"},
                                            "root");
        expect.template throws<usage_error>([&] { tutti::scatter_v(world, wide, mine, list, here); }, {"scatter_v", "input"},
                                            "size");
        expect.template throws<usage_error>([&] { tutti::reduce_scatter_v(world, wide, mine, list); },
                                            {"reduce_scatter_v", "input"}, "size");
        expect.template throws<usage_error>([&] { tutti::all_to_all_v(world, all, list, wide, list); }, {"all_to_all_v", "output"},
                                            "size");
        expect.template throws<usage_error>([&] { tutti::all_to_all_v(world, all, list, all, list); }, {"all_to_all_v", "overlap"},
                                            "in place");
        expect.template throws<usage_error>([&] { (void)tutti::start_all_gather_v(world, mine, wide, list); }, {"all_gather_v"},
                                            "started");
        tutti::barrier(world);
    });
}
