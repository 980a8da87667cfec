// expects: NCCL folds integers of 1, 4 and 8 bytes
// needs: nccl.h
#include <tutti/tutti.hpp>

#include <tutti/comm/nccl.hpp>
#include <tutti/device/buffer.hpp>

int main() {
    tutti::launch<tutti::comm::nccl>([](auto& world) {
#ifdef RIGHT
        tutti::device_buffer<float> numbers{8};
#else
        tutti::device_buffer<short> numbers{8};
#endif
        tutti::all_reduce(world, numbers);
    });
}
