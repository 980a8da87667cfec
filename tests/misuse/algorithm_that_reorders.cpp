// expects: the operation is not known to commute
#include <tutti/tutti.hpp>

#include <array>

int main() {
    tutti::comm::solo world;
    std::array<float, 4> data{};
    auto const operation = [](float a, float b) { return a + b; };
#ifdef RIGHT
    tutti::all_reduce(world, data, tutti::commutative{operation}, tutti::algorithm::ring{});
#else
    tutti::all_reduce(world, data, operation, tutti::algorithm::ring{});
#endif
}
