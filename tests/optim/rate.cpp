#include "apply.hpp"

#include <tutti/concepts/optimizer.hpp>
#include <tutti/optim/adam.hpp>
#include <tutti/optim/adamw.hpp>
#include <tutti/optim/rate.hpp>
#include <tutti/optim/scheduled.hpp>
#include <tutti/optim/sgd.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

using namespace optimising;
namespace optim = tutti::optim;
namespace rate = tutti::optim::rate;
using doctest::Approx;

static_assert(tutti::optimizer<optim::scheduled<optim::sgd, rate::cosine>, float> &&
              tutti::optimizer<optim::scheduled<optim::adamw, rate::step>, double>);

TEST_CASE("constant is 1 in every step") {
    for (std::int64_t const t : {1, 2, 1000, 1'000'000}) CHECK(rate::constant{}(t) == 1);
}

TEST_CASE("warm-up is linear: t / warm_up up to 1, in every schedule") {
    for (std::int64_t t = 1; t <= 10; ++t) {
        double const wanted = static_cast<double>(t) / 10;
        CHECK(rate::constant{.warm_up = 10}(t) == wanted);
        CHECK(rate::step{.period = 100, .warm_up = 10}(t) == wanted);
        CHECK(rate::cosine{.steps = 100, .warm_up = 10}(t) == wanted);
    }
    CHECK(rate::constant{.warm_up = 10}(11) == 1);
    CHECK(rate::constant{.warm_up = 1}(1) == 1);
    CHECK(rate::cosine{.steps = 100, .warm_up = 1}(1) == 1);
}

TEST_CASE("step falls by its factor after every period") {
    rate::step const halving{.period = 3, .factor = 0.5};
    std::vector<double> found;
    for (std::int64_t t = 1; t <= 10; ++t) found.push_back(halving(t));
    CHECK(found == std::vector{1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125});
    CHECK(rate::step{.period = 1, .factor = 0.5}(5) == 0.0625);
    CHECK(rate::step{.period = 2, .factor = 0.5, .warm_up = 8}(4) == 0.25);  // 4/8 of the warm-up, one fall
}

TEST_CASE("cosine falls from 1 at the end of the warm-up over its known points to the floor, and stays there") {
    for (std::int64_t const warm_up : {0, 20})
        for (double const floor : {0.0, 0.1}) {
            rate::cosine const fall{.steps = 120 + warm_up, .warm_up = warm_up, .floor = floor};
            auto const between = [&](double share) { return Approx(floor + (1 - floor) * share).epsilon(1e-12); };
            if (warm_up > 0) CHECK(fall(warm_up) == 1);
            CHECK(fall(warm_up + 30) == between((1 + std::sqrt(0.5)) / 2));
            CHECK(fall(warm_up + 40) == between(0.75));
            CHECK(fall(warm_up + 60) == between(0.5));
            CHECK(fall(warm_up + 80) == between(0.25));
            CHECK(fall(warm_up + 120) == Approx(floor));
            CHECK(fall(warm_up + 121) == fall(warm_up + 120));
            CHECK(fall(1'000'000) == fall(warm_up + 120));
            for (std::int64_t t = warm_up + 1; t < warm_up + 120; ++t) CHECK(fall(t + 1) < fall(t));
        }
}

TEST_CASE("schedules refuse settings that make no sense") {
    CHECK_THROWS_WITH_AS((void)rate::step{.period = 0}(1), doctest::Contains("period = 0"), tutti::usage_error);
    CHECK_THROWS_WITH_AS((void)(rate::cosine{.steps = 5, .warm_up = 5}(1)), doctest::Contains("steps = 5"), tutti::usage_error);
    CHECK_THROWS_AS((void)(rate::cosine{.steps = 0}(1)), tutti::usage_error);
    for (double const bad : {-1.0, 1.5, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
        CHECK(holds(objection(rate::cosine{.floor = bad}), "cosine: floor = "));
        CHECK(holds(objection(rate::step{.factor = bad}), "step: factor = "));
    }
    CHECK(holds(objection(rate::constant{.warm_up = -1}), "constant: warm_up = -1"));
    CHECK(holds(objection(rate::step{.warm_up = -1}), "step: warm_up = -1"));
    CHECK(holds(objection(rate::cosine{.warm_up = -1}), "cosine: warm_up = -1"));
    CHECK(holds(objection(rate::step{.period = 0}), "step: period = 0"));
    CHECK(objection(rate::cosine{.floor = 1}) == "");
    CHECK(objection(rate::step{.factor = 0}) == "");
}

TEST_CASE("every setting shows in settings(), those of a schedule beside those of its optimiser") {
    CHECK(optim::sgd{.learning_rate = 1, .momentum = 2, .nesterov = true, .weight_decay = 3}.settings() ==
          std::array{1.0, 2.0, 1.0, 3.0});
    CHECK(optim::adam{1, 2, 3, 4, 5}.settings() == std::array{1.0, 2.0, 3.0, 4.0, 5.0});
    CHECK(optim::adamw{1, 2, 3, 4, 5}.settings() == std::array{1.0, 2.0, 3.0, 4.0, 5.0});
    CHECK(rate::constant{7}.settings() == std::array{7.0});
    CHECK(rate::step{7, 8, 9}.settings() == std::array{7.0, 8.0, 9.0});
    CHECK(rate::cosine{7, 8, 9}.settings() == std::array{7.0, 8.0, 9.0});
    CHECK(optim::scheduled{optim::adam{1, 2, 3, 4, 5}, rate::constant{6}}.settings() == std::vector{1.0, 2.0, 3.0, 4.0, 5.0, 6.0});
    CHECK(optim::scheduled{optim::sgd{1, 2, false, 3}, [](std::int64_t) { return 1.0; }}.settings() ==
          std::vector{1.0, 2.0, 0.0, 3.0});
}

TEST_CASE_TEMPLATE("scheduled multiplies the learning rate of each step", T, float, double) {
    auto const one = [](double, int) { return 1.0; };
    optim::scheduled const halving{optim::sgd{.learning_rate = 0.5}, rate::step{.period = 2, .factor = 0.5}};
    CHECK(path<T>(halving, 0, 5, one) == std::vector{-0.5, -1.0, -1.25, -1.5, -1.625});
    CHECK(halving.learning_rate(1) == 0.5);
    CHECK(halving.learning_rate(5) == 0.125);
    optim::scheduled const own{optim::sgd{.learning_rate = 0.5},
                               [](std::int64_t t) { return 1.0 / static_cast<double>(std::int64_t{1} << t); }};
    CHECK(path<T>(own, 0, 3, one) == std::vector{-0.25, -0.375, -0.4375});
}

TEST_CASE("scheduled keeps the state and every other setting of its optimiser") {
    auto const slope = [](double x, int t) { return 2 * (x - 1) + std::sin(t); };
    auto constant = [](auto rule) { return optim::scheduled{rule, rate::constant{}}; };
    optim::sgd const ball{.learning_rate = 0.05, .momentum = 0.9, .nesterov = true, .weight_decay = 0.1};
    optim::adam const adam{.learning_rate = 0.05, .beta1 = 0.7, .weight_decay = 0.1};
    optim::adamw const adamw{.learning_rate = 0.05, .beta2 = 0.9, .weight_decay = 0.1};
    CHECK(path<double>(constant(ball), 2, 40, slope) == path<double>(ball, 2, 40, slope));
    CHECK(path<double>(constant(adam), 2, 40, slope) == path<double>(adam, 2, 40, slope));
    CHECK(path<double>(constant(adamw), 2, 40, slope) == path<double>(adamw, 2, 40, slope));
    CHECK(constant(ball).slots() == 1);
    CHECK(constant(optim::sgd{}).slots() == 0);
    CHECK(constant(adam).slots() == 2);
}

TEST_CASE("the decay of adamw follows the schedule, as its learning rate does") {
    auto const none = [](double, int) { return 0.0; };
    optim::scheduled const rule{optim::adamw{.learning_rate = 0.5, .weight_decay = 0.5}, rate::step{.period = 1, .factor = 0.5}};
    CHECK(path<double>(rule, 1, 3, none) == std::vector{0.75, 0.75 * 0.875, 0.75 * 0.875 * 0.9375});
}

TEST_CASE("scheduled refuses what its optimiser or its schedule refuses") {
    CHECK(holds(objection(optim::scheduled{optim::sgd{.momentum = 2}, rate::constant{}}), "momentum"));
    CHECK(holds(objection(optim::scheduled{optim::sgd{}, rate::step{.period = 0}}), "period"));
    CHECK(holds(objection(optim::scheduled{optim::sgd{}, rate::cosine{.steps = 10, .warm_up = 20}}), "warm_up"));
    CHECK(holds(objection(optim::scheduled{optim::sgd{}, [](std::int64_t) { return -1.0; }}), "learning rate"));
    CHECK(holds(objection(optim::scheduled{optim::sgd{}, [](std::int64_t) { return std::numeric_limits<double>::quiet_NaN(); }}),
                "learning rate"));
    CHECK(objection(optim::scheduled{optim::sgd{}, rate::cosine{.steps = 10}}) == "");
    // Those that would turn into ascent only later.
    CHECK(holds(objection(optim::scheduled{optim::sgd{}, rate::cosine{.steps = 10, .floor = -1}}), "floor"));
    CHECK(holds(objection(optim::scheduled{optim::sgd{}, rate::step{.factor = -0.5}}), "factor"));
    CHECK(holds(objection(optim::scheduled{optim::adamw{.learning_rate = 2, .weight_decay = 0.6}, rate::constant{.warm_up = 9}}),
                "weight_decay"));
    optim::scheduled const later{optim::sgd{}, [](std::int64_t t) { return t < 3 ? 1.0 : -1.0; }};
    CHECK(objection(later) == "");
    CHECK_THROWS_WITH_AS((void)later.at<float>(3), doctest::Contains("step 3 is -0.01"), tutti::usage_error);
    optim::scheduled const growing{optim::adamw{.learning_rate = 1, .weight_decay = 0.4},
                                   [](std::int64_t t) { return static_cast<double>(t); }};
    CHECK(objection(growing) == "");
    (void)growing.at<float>(2);
    CHECK_THROWS_WITH_AS((void)growing.at<float>(3), doctest::Contains("weight_decay"), tutti::usage_error);
}
