// expects: a pointer does not say how many elements there are
#include <tutti/tutti.hpp>

#include <span>

int main() {
    tutti::launch<tutti::comm::threads>(2, [](auto& world) {
        float x[3]{1, 2, 3};
        float* const first = x;
#ifdef RIGHT
        tutti::broadcast(world, std::span{first, 3}, 0);
#else
        tutti::broadcast(world, first, 0);
#endif
    });
}
