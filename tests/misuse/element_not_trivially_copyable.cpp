// expects: tutti: elements must be trivially copyable
#include <tutti/tutti.hpp>

#include <string>
#include <vector>

#ifdef RIGHT
using element = float;
#else
using element = std::string;
#endif

int main() {
    tutti::launch<tutti::comm::threads>(2, [](auto& world) {
        std::vector<element> x(8);
        tutti::all_reduce(world, x);
    });
}
