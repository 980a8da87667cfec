// expects: the model needs gradients()
#include "mean.hpp"

struct model : mean {
#ifndef RIGHT
    void gradients() = delete;
#endif
};

int main() { train(model{}); }
