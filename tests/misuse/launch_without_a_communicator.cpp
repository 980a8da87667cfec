// expects: launch needs to know the communicator, as in tutti::launch<tutti::comm::threads>(ranks, body)
#include "mean.hpp"

int main() {
    auto body = [](auto& world) { tutti::barrier(world); };
#ifdef RIGHT
    tutti::launch<tutti::comm::threads>(2, body);
#else
    tutti::launch(2, body);
#endif
}
