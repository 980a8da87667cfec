// expects: a layer is given by a factory
#include "staged.hpp"

int main() {
#ifdef RIGHT
    train_in_stages(tutti::layers{[] { return entry{}; }, [] { return scale{}; }, squares{}});
#else
    train_in_stages(tutti::layers{[] { return entry{}; }, scale{}, squares{}});
#endif
}
