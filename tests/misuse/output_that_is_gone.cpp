// expects: the output of a collective must be writable, and live on after the call
#include <tutti/tutti.hpp>

#include <vector>

int main() {
    tutti::launch<tutti::comm::threads>(2, [](auto& world) {
        std::vector<float> x(8);
#ifdef RIGHT
        auto pending = tutti::start_all_reduce(world, x);
#else
        auto pending = tutti::start_all_reduce(world, std::vector<float>(8));
#endif
        pending.wait();
    });
}
