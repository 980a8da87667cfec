#include <tutti/error.hpp>
#include <tutti/pipeline/draw.hpp>
#include <tutti/pipeline/gpipe.hpp>
#include <tutti/pipeline/one_forward_one_backward.hpp>
#include <tutti/pipeline/timeline.hpp>

#include <doctest/doctest.h>

using namespace tutti;

namespace {

constexpr pipeline::gpipe gpipe{};
constexpr pipeline::one_forward_one_backward one_by_one{};

}  // namespace

TEST_CASE("with forward 1 and backward 2 a step takes 3 (m + p - 1), and each stage idles 3 (p - 1), by either schedule") {
    for (int p = 1; p <= 8; ++p)
        for (int m = 1; m <= 12; ++m)
            for (auto const& what : {make_schedule(gpipe, {p, m}), make_schedule(one_by_one, {p, m})}) {
                CHECK(run_on_clocks(what).end() == 3 * (m + p - 1));
                for (int stage = 0; stage < p; ++stage) CHECK(idle_time(what, stage) == 3 * (p - 1));
            }
}

TEST_CASE("a step is predicted at compile time, in any unit") {
    static_assert(run_on_clocks(make_schedule(pipeline::one_forward_one_backward{}, {2, 8}), {0.5, 1}).end() == 13.5);
    static_assert(idle_time(make_schedule(pipeline::gpipe{}, {2, 4}), 1, {10, 10}) == 20);
}

TEST_CASE("a schedule that never ends is refused") {
    auto whole = make_schedule(gpipe, {2, 1});
    whole.stages[1].tasks.pop_back();
    CHECK_THROWS_AS(run_on_clocks(whole), usage_error);
}

TEST_CASE("the idle time of a stage that is not there is refused") {
    auto const what = make_schedule(pipeline::gpipe{}, {2, 4});
    CHECK_THROWS_AS(idle_time(what, 2), tutti::usage_error);
    CHECK_THROWS_AS(idle_time(what, -1), tutti::usage_error);
}

TEST_CASE("GPipe is drawn as its paper draws it") {
    CHECK(draw_text(make_schedule(gpipe, {3, 3}), 1, 1) == "3 stages, 3 micro-batches\n\n"
                                                           "stage 0  F0 F1 F2 .  .  .  .  B0 B1 B2\n"
                                                           "stage 1  .  F0 F1 F2 .  .  B0 B1 B2 .\n"
                                                           "stage 2  .  .  F0 F1 F2 B0 B1 B2 .  .\n");
}

TEST_CASE("1F1B is drawn as its paper draws it") {
    CHECK(draw_text(make_schedule(one_by_one, {2, 4})) == "2 stages, 4 micro-batches\n\n"
                                                          "stage 0  F0 F1 .  .  B0 B0 F2 B1 B1 F3 B2 B2 .  B3 B3\n"
                                                          "stage 1  .  F0 B0 B0 F1 B1 B1 F2 B2 B2 F3 B3 B3 .  .\n");
    CHECK(draw_text(make_schedule(one_by_one, {1, 1})) == "1 stage, 1 micro-batch\n\nstage 0  F0 B0 B0\n");
}
