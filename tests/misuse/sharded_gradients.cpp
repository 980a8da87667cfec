// expects: sync::sharded<1> divides the optimiser's state; other stages do not exist
#include "mean.hpp"

#ifdef RIGHT
using chosen = tutti::sync::sharded<1>;
#else
using chosen = tutti::sync::sharded<2>;
#endif

int main() { train(mean{}, std::vector<float>{1}, tutti::partition::block{}, chosen{}); }
