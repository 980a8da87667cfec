// expects: train it on a communicator that reaches both, tutti::comm::with_devices
// needs: nccl.h
#include "on_device.hpp"

#include <tutti/device/training.hpp>

int main() {
#ifdef RIGHT
    train();
#else
    train<tutti::comm::nccl>();
#endif
}
