// expects: some of the model's parameters are in device memory and some in the host's
// needs: nccl.h
#include "on_device.hpp"

#include <tutti/device/training.hpp>

#include <span>
#include <tuple>

struct model {
#ifdef RIGHT
    using second = tutti::device_span<float>;
#else
    using second = std::span<float>;
#endif
    tutti::device_span<float> value, slope;
    second other, other_slope;
    auto parameters() { return std::tuple{value, other}; }
    auto gradients() { return std::tuple{slope, other_slope}; }
    float loss_and_gradients(auto const&) { return 0; }
};

int main() { train<tutti::comm::with_devices<tutti::comm::threads>>(model{}); }
