// expects: is a row of layers, each given by a factory
#include "staged.hpp"

#include "mean.hpp"

int main() {
#ifdef RIGHT
    train_in_stages(tutti::layers{[] { return entry{}; }, [] { return scale{}; }, squares{}});
#else
    train_in_stages(mean{});
#endif
}
