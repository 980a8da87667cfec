// expects: body cannot be called with the world
#include "mean.hpp"

#ifdef RIGHT
using group = tutti::comm::threads;
#else
using group = tutti::comm::solo;
#endif

int main() {
    tutti::launch<tutti::comm::threads>([](group& world) { tutti::barrier(world); });
}
