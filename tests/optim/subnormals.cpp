#include <tutti/optim/adam.hpp>
#include <tutti/optim/sgd.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

TEST_CASE("a running mean whose gradients have ended decays to 0 and never to a subnormal number") {
    float x = 1, velocity = 1e-30f, mean = 1e-30f, square = 1e-30f;
    auto const sgd = tutti::optim::sgd{.learning_rate = 0.1, .momentum = 0.9}.at<float>(1);
    auto const adam = tutti::optim::adam{.beta2 = 0.9}.at<float>(1000);
    for (int step = 0; step < 400; ++step) {
        sgd(x, 0, velocity);
        adam(x, 0, mean, square);
        for (float const state : {velocity, mean, square}) CHECK((state == 0 || state >= std::numeric_limits<float>::min()));
    }
    CHECK((velocity == 0 && mean == 0 && square == 0));
}
