// expects: the data is neither a random-access range of samples nor a type with size() and batch(rows)
#include "mean.hpp"

#include <list>

#ifdef RIGHT
using samples = std::vector<float>;
#else
using samples = std::list<float>;
#endif

int main() { train(mean{}, samples{1, 2, 3}); }
