// expects: launch takes the body last, as in tutti::launch<tutti::comm::threads>(ranks, body)
#include "mean.hpp"

int main() {
    auto body = [](auto& world) { tutti::barrier(world); };
#ifdef RIGHT
    tutti::launch<tutti::comm::threads>(4, body);
#else
    tutti::launch<tutti::comm::threads>(body, 4);
#endif
}
