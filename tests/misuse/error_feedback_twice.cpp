// expects: codec::error_feedback around codec::error_feedback: what was not sent is fed back already
#include "mean.hpp"

using tutti::sync::codec::error_feedback, tutti::sync::codec::half;
#ifdef RIGHT
using codec = error_feedback<half>;
#else
using codec = error_feedback<error_feedback<half>>;
#endif

int main() { train(mean{}, std::vector<float>{1}, tutti::partition::block{}, tutti::sync::compressed<codec>{}); }
