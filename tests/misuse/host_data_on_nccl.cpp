// expects: this communicator reaches device memory alone
// needs: nccl.h
#include <tutti/tutti.hpp>

#include <tutti/comm/nccl.hpp>
#include <tutti/device/buffer.hpp>

#include <vector>

int main() {
    tutti::launch<tutti::comm::nccl>([](auto& world) {
#ifdef RIGHT
        tutti::device_buffer<float> gradients{8};
#else
        std::vector<float> gradients(8);
#endif
        tutti::all_reduce(world, gradients);
    });
}
