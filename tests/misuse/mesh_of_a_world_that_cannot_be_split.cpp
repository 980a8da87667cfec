// expects: world cannot be split into groups: it needs split(color, key)
#include <tutti/comm/mesh.hpp>
#include <tutti/comm/solo.hpp>

struct group : tutti::comm::solo {
#ifndef RIGHT
    void split() = delete;
#endif
};

int main() {
    group world;
    tutti::mesh grid{world, {{"data", 1}}};
    return grid.coordinate("data");
}
