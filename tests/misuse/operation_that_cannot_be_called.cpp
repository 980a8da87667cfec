// expects: the operation of a reduction must be callable
#include <tutti/tutti.hpp>

#include <algorithm>
#include <string>
#include <vector>

#ifdef RIGHT
using number = float;
#else
using number = char const*;
#endif

int main() {
    tutti::launch<tutti::comm::threads>(2, [](auto& world) {
        std::vector<float> x(8);
        tutti::all_reduce(world, x, [](number a, number b) { return std::max(a, b); });
    });
}
