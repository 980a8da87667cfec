// expects: the counts of a collective are std::size_t
#include <tutti/tutti.hpp>

#include <cstddef>
#include <vector>

#ifdef RIGHT
using number = std::size_t;
#else
using number = int;
#endif

int main() {
    tutti::launch<tutti::comm::threads>(2, [](auto& world) {
        std::vector<float> const mine(3);
        std::vector<float> all(6);
        tutti::all_gather_v(world, mine, all, std::vector<number>{3, 3});
    });
}
