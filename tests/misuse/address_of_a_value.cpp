// expects: the value itself, not its address
#include <tutti/tutti.hpp>

int main() {
    tutti::launch<tutti::comm::threads>(2, [](auto& world) {
        int x = 1;
#ifdef RIGHT
        x = tutti::all_reduce(world, x);
#else
        tutti::all_reduce(world, &x);
#endif
    });
}
