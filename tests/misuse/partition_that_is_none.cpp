// expects: the third argument of data_parallel_trainer is no data partition
#include "mean.hpp"

#ifdef RIGHT
using chosen = tutti::partition::block;
#else
using chosen = tutti::optim::sgd;
#endif

int main() { train(mean{}, std::vector<float>{1}, chosen{}); }
