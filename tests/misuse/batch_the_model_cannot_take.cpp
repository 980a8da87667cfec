// expects: loss_and_gradients(batch) must accept this data set's batches
#include "mean.hpp"

#include <string>

struct model : mean {
#ifndef RIGHT
    float loss_and_gradients(std::span<std::string const>) { return 0; }
#endif
};

int main() { train(model{}); }
