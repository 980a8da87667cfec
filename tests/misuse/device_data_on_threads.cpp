// expects: this communicator does not reach device memory
#include <tutti/tutti.hpp>

#include <tutti/concepts/device_span.hpp>

#include <span>

int main() {
    tutti::launch<tutti::comm::threads>(2, [](auto& world) {
#ifdef RIGHT
        std::span<float> gradients;
#else
        tutti::device_span<float> gradients;
#endif
        tutti::all_reduce(world, gradients);
    });
}
