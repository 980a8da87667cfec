// expects: group is no communicator; that of an axis of a mesh is grid.along(name)
#include "staged.hpp"

int main() {
    tutti::launch<tutti::comm::threads>(2, [](auto& world) {
        tutti::mesh grid{world, {{"tensor", 2}}};
#ifdef RIGHT
        auto& group = grid.along("tensor");
#else
        auto& group = grid;
#endif
        tutti::tensor::column_parallel layer{group, scale{}};
        layer.parameters();
    });
}
