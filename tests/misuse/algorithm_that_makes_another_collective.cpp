// expects: this algorithm does not make this collective
#include <tutti/tutti.hpp>

#include <array>
#include <functional>

int main() {
    tutti::comm::solo world;
    std::array<float, 4> data{};
#ifdef RIGHT
    tutti::all_reduce(world, data, std::plus<>{}, tutti::algorithm::ring{});
#else
    tutti::all_reduce(world, data, std::plus<>{}, tutti::algorithm::bruck{});
#endif
}
