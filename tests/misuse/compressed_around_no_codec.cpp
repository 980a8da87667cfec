// expects: sync::compressed around what is no codec
#include "mean.hpp"

#ifdef RIGHT
using codec = tutti::sync::codec::half;
#else
using codec = tutti::half;
#endif

int main() { train(mean{}, std::vector<float>{1}, tutti::partition::block{}, tutti::sync::compressed<codec>{}); }
