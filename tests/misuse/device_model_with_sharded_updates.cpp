// expects: the synchronisation policy works on gradients in host memory, and the model's are in device memory
// needs: nccl.h
#include "on_device.hpp"

#include <tutti/device/training.hpp>

int main() {
#ifdef RIGHT
    train(mean_on_device{}, tutti::sync::all_reduce{});
#else
    train(mean_on_device{}, tutti::sync::sharded<1>{});
#endif
}
