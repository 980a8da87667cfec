// expects: codec::error_feedback around what is no codec
#include "mean.hpp"

using namespace tutti::sync;
#ifdef RIGHT
using inner = codec::half;
#else
using inner = compressed<codec::half>;
#endif

int main() { train(mean{}, std::vector<float>{1}, tutti::partition::block{}, compressed<codec::error_feedback<inner>>{}); }
