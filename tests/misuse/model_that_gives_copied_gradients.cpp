// expects: that gives spans, not copies, of the same shape as parameters()
#include "mean.hpp"

struct model : mean {
    std::vector<std::vector<float>> values{{0}, {0}}, slopes{{0}, {0}};
    static std::vector<std::span<float>> views(std::vector<std::vector<float>>& of) { return {of.begin(), of.end()}; }
    auto parameters() { return views(values); }
#ifdef RIGHT
    auto gradients() { return views(slopes); }
#else
    auto gradients() { return slopes; }
#endif
};

int main() { train(model{}); }
