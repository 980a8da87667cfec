#include "apply.hpp"

#include <tutti/concepts/optimizer.hpp>
#include <tutti/optim/adam.hpp>
#include <tutti/optim/adamw.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

using namespace optimising;
using tutti::optim::adam;
using tutti::optim::adamw;

static_assert(tutti::optimizer<adam, float> && tutti::optimizer<adam, double> && tutti::optimizer<adamw, float> &&
              tutti::optimizer<adamw, double>);

namespace {

// Gradients of changing sign and size, whatever x is.
double given(double, int t) { return std::sin(1.7 * t) * (1 + t % 5); }

// Moving with x, so that weight decay feeds back.
double slope(double x, int t) { return 2 * (x - 1) + 0.3 * std::sin(1.3 * t); }

/// Kingma and Ba, algorithm 1, line by line; `l2` is added to the gradient.
template <class Gradient>
std::vector<double> adam_of_the_paper(adam const& s, double theta, int steps, Gradient gradient, double l2) {
    std::vector<double> visited;
    double m = 0, v = 0;
    for (int t = 1; t <= steps; ++t) {
        double const g = gradient(theta, t) + l2 * theta;
        m = s.beta1 * m + (1 - s.beta1) * g;
        v = s.beta2 * v + (1 - s.beta2) * g * g;
        double const m_hat = m / (1 - std::pow(s.beta1, t)), v_hat = v / (1 - std::pow(s.beta2, t));
        visited.push_back(theta -= s.learning_rate * m_hat / (std::sqrt(v_hat) + s.epsilon));
    }
    return visited;
}

/// Loshchilov and Hutter, algorithm 2, with decay in units of the learning rate.
template <class Gradient>
std::vector<double> adamw_of_the_paper(adamw const& s, double theta, int steps, Gradient gradient) {
    std::vector<double> visited;
    double m = 0, v = 0;
    for (int t = 1; t <= steps; ++t) {
        double const g = gradient(theta, t);
        m = s.beta1 * m + (1 - s.beta1) * g;
        v = s.beta2 * v + (1 - s.beta2) * g * g;
        double const m_hat = m / (1 - std::pow(s.beta1, t)), v_hat = v / (1 - std::pow(s.beta2, t));
        visited.push_back(theta -= s.learning_rate * (m_hat / (std::sqrt(v_hat) + s.epsilon) + s.weight_decay * theta));
    }
    return visited;
}

// A step is at most about 4 learning rates long and rounds about ten times, as does the parameter, below 4.
// 1 - beta2 is exact to epsilon / (1 - beta2) only, which moves the square root by half of that.
template <class T, class Settings>
double tolerance(Settings const& s, int steps) {
    double const epsilon = static_cast<double>(std::numeric_limits<T>::epsilon());
    return steps * epsilon * (4 + s.learning_rate * 4 * (10 + 0.5 / (1 - s.beta2)));
}

}  // namespace

TEST_CASE_TEMPLATE("adam is algorithm 1 of Kingma and Ba", T, float, double) {
    for (adam const& s :
         {adam{}, adam{.learning_rate = 0.1}, adam{.learning_rate = 0.05, .beta1 = 0.5, .beta2 = 0.9, .epsilon = 0.01},
          adam{.learning_rate = 0.1, .beta1 = 0}})
        CHECK(apart(path<T>(s, 0.5, 200, given), adam_of_the_paper(s, 0.5, 200, given, 0)) < tolerance<T>(s, 200));
}

TEST_CASE_TEMPLATE("weight decay of adam is added to the gradient", T, float, double) {
    adam const s{.learning_rate = 0.05, .beta2 = 0.99, .weight_decay = 0.3};
    CHECK(apart(path<T>(s, 2, 60, slope), adam_of_the_paper(s, 2, 60, slope, 0.3)) < tolerance<T>(s, 60));
}

TEST_CASE_TEMPLATE("adamw is algorithm 2 of Loshchilov and Hutter", T, float, double) {
    for (adamw const& s : {adamw{}, adamw{.learning_rate = 0.05, .beta2 = 0.99, .weight_decay = 0.3},
                           adamw{.learning_rate = 0.02, .beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-3, .weight_decay = 1}})
        CHECK(apart(path<T>(s, 2, 60, slope), adamw_of_the_paper(s, 2, 60, slope)) < tolerance<T>(s, 60));
}

TEST_CASE("without decay adam and adamw are the same") {
    adam const one{.learning_rate = 0.03, .weight_decay = 0};
    adamw const other{.learning_rate = 0.03, .weight_decay = 0};
    CHECK(path<double>(one, 2, 50, slope) == path<double>(other, 2, 50, slope));
}

TEST_CASE("with a zero gradient adamw shrinks the parameter by learning_rate * weight_decay a step") {
    auto const none = [](double, int) { return 0.0; };
    CHECK(path<double>(adamw{.learning_rate = 0.5, .weight_decay = 0.5}, 1, 3, none) == std::vector{0.75, 0.5625, 0.421875});
}

TEST_CASE("under a constant gradient every step of adam is as long as the learning rate, whatever the gradient's size") {
    // Both corrected means are then exact: m_hat = g and v_hat = g^2.
    for (double const g : {1e-3, 1.0, -50.0}) {
        std::vector<double> wanted;
        for (int t = 1; t <= 20; ++t) wanted.push_back((g > 0 ? -0.01 : 0.01) * t);
        CHECK(apart(path<double>(adam{.learning_rate = 0.01, .epsilon = 0}, 0, 20, [g](double, int) { return g; }), wanted) <
              1e-14);
    }
}

TEST_CASE("epsilon damps steps under gradients that are small beside it") {
    // One step: lr * g / (|g| + epsilon).
    auto const step = path<double>(adam{.learning_rate = 1, .epsilon = 3}, 0, 1, [](double, int) { return 1.0; });
    CHECK(step[0] == doctest::Approx(-0.25).epsilon(1e-14));
}

TEST_CASE("after many steps the corrections fade and adam still follows its formula") {
    adam const s{.learning_rate = 0.001};
    CHECK(apart(path<double>(s, 0.5, 20'000, given), adam_of_the_paper(s, 0.5, 20'000, given, 0)) < tolerance<double>(s, 20'000));
}

TEST_CASE_TEMPLATE("adam and adamw keep two numbers per parameter and refuse settings that make no sense, by name", Rule, adam,
                   adamw) {
    CHECK(Rule{}.slots() == 2);
    double const infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
    for (double const bad : {-0.5, infinity, -infinity, nan}) {
        CHECK(holds(objection(Rule{.learning_rate = bad}), "learning_rate"));
        CHECK(holds(objection(Rule{.beta1 = bad}), "beta1"));
        CHECK(holds(objection(Rule{.beta2 = bad}), "beta2"));
        CHECK(holds(objection(Rule{.epsilon = bad}), "epsilon"));
        CHECK(holds(objection(Rule{.weight_decay = bad}), "weight_decay"));
    }
    CHECK(holds(objection(Rule{.beta1 = 1}), "beta1"));
    CHECK(holds(objection(Rule{.beta2 = 1.5}), "1.5"));
    CHECK(objection(Rule{}) == "");
    CHECK(objection(Rule{.learning_rate = 0, .beta1 = 0, .beta2 = 0, .epsilon = 0, .weight_decay = 0}) == "");
}
