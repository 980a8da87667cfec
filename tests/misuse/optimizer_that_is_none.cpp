// expects: the fifth argument of data_parallel_trainer is no optimiser
#include "mean.hpp"

#ifdef RIGHT
using chosen = tutti::optim::adam;
#else
using chosen = tutti::partition::block;
#endif

int main() { train(mean{}, std::vector<float>{1}, tutti::partition::block{}, tutti::sync::all_reduce{}, chosen{}); }
