// expects: the model needs parameters()
#include "mean.hpp"

struct model : mean {
#ifndef RIGHT
    float parameters() const { return value[0]; }
#endif
};

int main() { train(model{}); }
