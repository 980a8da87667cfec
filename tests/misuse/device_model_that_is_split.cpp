// expects: a model in device memory cannot be split over a group: keep it whole on each rank
// needs: nccl.h
#include "on_device.hpp"

#include <tutti/device/training.hpp>

struct half_of_it : mean_on_device {
#ifndef RIGHT
    tutti::comm::threads* group = nullptr;
    tutti::comm::threads& split_over() const { return *group; }
    static bool is_part(std::size_t) { return true; }
#endif
};

int main() { train<tutti::comm::with_devices<tutti::comm::threads>>(half_of_it{}); }
