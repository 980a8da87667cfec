// expects: the fourth argument of data_parallel_trainer is no synchronisation policy
#include "mean.hpp"

#ifdef RIGHT
using chosen = tutti::sync::all_reduce;
#else
using chosen = int;
#endif

int main() { train(mean{}, std::vector<float>{1}, tutti::partition::block{}, chosen{}); }
