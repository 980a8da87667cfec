// expects: this algorithm folds in another order than the ranks', and the operation is not known to commute
#include <tutti/tutti.hpp>

#include <vector>

int main() {
    tutti::launch<tutti::comm::threads>(2, [](auto& world) {
        std::vector<float> x(8);
        auto const operation = [](float a, float b) { return a + b; };
#ifdef RIGHT
        tutti::all_reduce(world, x, tutti::commutative{operation}, tutti::algorithm::ring{});
#else
        tutti::all_reduce(world, x, operation, tutti::algorithm::ring{});
#endif
    });
}
