// expects: std::vector<bool> packs its elements into bits
#include <tutti/tutti.hpp>

#include <functional>
#include <vector>

#ifdef RIGHT
using flags = std::vector<char>;
#else
using flags = std::vector<bool>;
#endif

int main() {
    tutti::launch<tutti::comm::threads>(2, [](auto& world) {
        flags met(8);
        tutti::all_reduce(world, met, std::logical_or<>{});
    });
}
