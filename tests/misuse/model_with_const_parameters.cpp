// expects: must give writable spans, not spans of const
#include "mean.hpp"

struct model : mean {
#ifndef RIGHT
    auto parameters() const { return std::span{value}; }
#endif
};

int main() { train(model{}); }
