#include "apply.hpp"

#include <tutti/concepts/optimizer.hpp>
#include <tutti/optim/sgd.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

using namespace optimising;
using tutti::optim::sgd;

static_assert(tutti::optimizer<sgd, float> && tutti::optimizer<sgd, double>);

namespace {

// f(x) = (x - 1)^2 + 0.1 sin(5 x): its slope depends on where it is taken.
double slope(double x, int = 0) { return 2 * (x - 1) + 0.5 * std::cos(5 * x); }

constexpr int steps = 30;

// Each step rounds a handful of times, numbers stay below 4, and learning rates below 1 / (largest curvature) let no error grow
// by more than 1 / (1 - momentum).
template <class T>
double tolerance(double momentum = 0) {
    return steps * 8 * 4 * static_cast<double>(std::numeric_limits<T>::epsilon()) / (1 - momentum);
}

}  // namespace

TEST_CASE_TEMPLATE("sgd without momentum steps against the gradient", T, float, double) {
    std::vector<double> wanted;
    double x = 2;
    for (int t = 1; t <= steps; ++t) wanted.push_back(x -= 0.1 * slope(x));
    CHECK(apart(path<T>(sgd{.learning_rate = 0.1}, 2, steps, slope), wanted) < tolerance<T>());
}

TEST_CASE_TEMPLATE("sgd with momentum is the heavy ball of Sutskever et al., equation 1", T, float, double) {
    for (double const momentum : {0.5, 0.9}) {
        std::vector<double> wanted;
        double theta = 2, v = 0;
        for (int t = 1; t <= steps; ++t) {
            v = momentum * v - 0.05 * slope(theta);
            wanted.push_back(theta += v);
        }
        CHECK(apart(path<T>(sgd{.learning_rate = 0.05, .momentum = momentum}, 2, steps, slope), wanted) < tolerance<T>(momentum));
    }
}

TEST_CASE_TEMPLATE("sgd with nesterov is Sutskever et al., equations 3 and 4, seen from the point where the gradient is taken", T,
                   float, double) {
    for (double const momentum : {0.5, 0.9}) {
        std::vector<double> wanted;
        double theta = 2, v = 0;
        for (int t = 1; t <= steps; ++t) {
            v = momentum * v - 0.05 * slope(theta + momentum * v);
            theta += v;
            wanted.push_back(theta + momentum * v);
        }
        CHECK(apart(path<T>(sgd{.learning_rate = 0.05, .momentum = momentum, .nesterov = true}, 2, steps, slope), wanted) <
              tolerance<T>(momentum));
    }
}

TEST_CASE_TEMPLATE("weight decay of sgd is the slope of an L2 penalty", T, float, double) {
    auto penalised = [](double x, int = 0) { return slope(x) + 0.3 * x; };
    for (double const momentum : {0.0, 0.8})
        for (bool const nesterov : {false, true}) {
            if (nesterov && momentum == 0) continue;
            sgd const decaying{.learning_rate = 0.05, .momentum = momentum, .nesterov = nesterov, .weight_decay = 0.3};
            sgd const plain{.learning_rate = 0.05, .momentum = momentum, .nesterov = nesterov};
            CHECK(apart(path<T>(decaying, 2, steps, slope), path<double>(plain, 2, steps, penalised)) < tolerance<T>(momentum));
        }
}

TEST_CASE("sgd under a constant gradient has closed forms") {
    auto const one = [](double, int) { return 1.0; };
    // With momentum m, v_t = (1 - m^t) / (1 - m).
    double const m = 0.5;
    CHECK(path<double>(sgd{.learning_rate = 0.25}, 0, 4, one) == std::vector{-0.25, -0.5, -0.75, -1.0});
    CHECK(path<double>(sgd{.learning_rate = 0.25, .momentum = m}, 0, 3, one) ==
          std::vector{-0.25, -0.25 - 0.375, -0.25 - 0.375 - 0.4375});
    CHECK(path<double>(sgd{.learning_rate = 0.25, .momentum = m, .nesterov = true}, 0, 2, one) ==
          std::vector{-0.375, -0.375 - 0.4375});
    CHECK(path<double>(sgd{.learning_rate = 0.5, .weight_decay = 0.5}, 1, 2, [](double, int) { return 0.0; }) ==
          std::vector{0.75, 0.5625});
    CHECK(path<double>(sgd{.learning_rate = 0}, 3, 2, one) == std::vector{3.0, 3.0});
}

TEST_CASE("sgd keeps one number per parameter with momentum, and none without") {
    CHECK(sgd{}.slots() == 0);
    CHECK(sgd{.weight_decay = 0.1}.slots() == 0);
    CHECK(sgd{.momentum = 0.9}.slots() == 1);
    CHECK(sgd{.momentum = 0.9, .nesterov = true}.slots() == 1);
}

TEST_CASE("sgd refuses settings that make no sense, by name and value") {
    double const infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
    for (double const bad : {-0.5, infinity, -infinity, nan}) {
        CHECK(holds(objection(sgd{.learning_rate = bad}), "learning_rate"));
        CHECK(holds(objection(sgd{.momentum = bad}), "momentum"));
        CHECK(holds(objection(sgd{.weight_decay = bad}), "weight_decay"));
    }
    CHECK(holds(objection(sgd{.learning_rate = -0.5}), "-0.5"));
    CHECK(holds(objection(sgd{.momentum = 1}), "momentum"));
    CHECK(holds(objection(sgd{.nesterov = true}), "nesterov"));
    CHECK(objection(sgd{}) == "");
    CHECK(objection(sgd{.learning_rate = 0}) == "");
    CHECK(objection(sgd{.learning_rate = 10, .momentum = 0.999, .nesterov = true, .weight_decay = 2}) == "");
}
