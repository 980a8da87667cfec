// expects: the elements of a collective must lie side by side in memory
#include <tutti/tutti.hpp>

#include <list>
#include <vector>

#ifdef RIGHT
using numbers = std::vector<float>;
#else
using numbers = std::list<float>;
#endif

int main() {
    tutti::launch<tutti::comm::threads>(2, [](auto& world) {
        numbers x{1, 2, 3};
        tutti::all_reduce(world, x);
    });
}
