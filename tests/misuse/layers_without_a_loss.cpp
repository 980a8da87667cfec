// expects: the loss is missing at the end
#include "staged.hpp"

int main() {
#ifdef RIGHT
    train_in_stages(tutti::layers{[] { return entry{}; }, [] { return scale{}; }, squares{}});
#else
    train_in_stages(tutti::layers{[] { return entry{}; }, [] { return scale{}; }});
#endif
}
