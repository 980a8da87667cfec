// expects: does not cut layers into stages
#include "staged.hpp"

int main() {
    tutti::layers model{[] { return entry{}; }, [] { return scale{}; }, squares{}};
#ifdef RIGHT
    train_in_stages(model, tutti::partition::layers{});
#else
    train_in_stages(model, tutti::partition::block{});
#endif
}
