// expects: gives a span of its numbers, not a copy of them
#include "mean.hpp"

struct model : mean {
    std::array<float, 1> offset{}, slope_of_offset{};
#ifdef RIGHT
    auto parameters() { return std::array{std::span{value}, std::span{offset}}; }
#else
    auto parameters() { return std::array{value, offset}; }
#endif
    auto gradients() { return std::array{std::span{slope}, std::span{slope_of_offset}}; }
};

int main() { train(model{}); }
