// expects: parameters() and gradients() must have the same form and the same types of numbers
#include "mean.hpp"

struct model : mean {
#ifndef RIGHT
    std::array<double, 1> wide{};
    auto gradients() { return std::span{wide}; }
#endif
};

int main() { train(model{}); }
