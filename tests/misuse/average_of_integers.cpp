// expects: average needs floating-point or complex elements
#include <tutti/tutti.hpp>

#include <vector>

#ifdef RIGHT
using number = float;
#else
using number = int;
#endif

int main() {
    tutti::launch<tutti::comm::threads>(2, [](auto& world) {
        std::vector<number> x(8);
        tutti::all_reduce(world, x, tutti::average{});
    });
}
