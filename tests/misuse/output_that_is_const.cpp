// expects: the output of a collective must be writable
#include <tutti/tutti.hpp>

#include <vector>

#ifdef RIGHT
using numbers = std::vector<float>;
#else
using numbers = std::vector<float> const;
#endif

int main() {
    tutti::launch<tutti::comm::threads>(2, [](auto& world) {
        numbers x(8);
        tutti::broadcast(world, x, 0);
    });
}
