// expects: the input of a started message must live on after the call
#include <tutti/tutti.hpp>

#include <vector>

int main() {
    tutti::launch<tutti::comm::threads>(2, [](auto& world) {
        std::vector<float> x(8), y(8);
        auto receiving = tutti::start_receive(world, y, 1 - world.rank());
#ifdef RIGHT
        auto sending = tutti::start_send(world, x, 1 - world.rank());
#else
        auto sending = tutti::start_send(world, std::vector<float>(8), 1 - world.rank());
#endif
        tutti::wait_all(sending, receiving);
    });
}
