// expects: a layer that learns needs both parameters() and gradients()
#include "staged.hpp"

struct layer : scale {
#ifndef RIGHT
    void gradients() = delete;
#endif
};

int main() { train_with(layer{}); }
