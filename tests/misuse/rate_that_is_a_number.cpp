// expects: a rate is called, while const, with the number of a step
#include <tutti/tutti.hpp>

#include <cstdint>

int main() {
#ifdef RIGHT
    auto const rate = [](std::int64_t) { return 0.1; };
#else
    double const rate = 0.1;
#endif
    tutti::optim::scheduled{tutti::optim::sgd{}, rate}.check();
}
