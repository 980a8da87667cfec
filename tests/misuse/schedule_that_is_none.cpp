// expects: is no pipeline schedule
#include "staged.hpp"

int main() {
    tutti::layers model{[] { return entry{}; }, [] { return scale{}; }, squares{}};
#ifdef RIGHT
    train_in_stages(model, tutti::partition::layers{}, tutti::pipeline::gpipe{});
#else
    train_in_stages(model, tutti::partition::layers{}, tutti::algorithm::ring{});
#endif
}
