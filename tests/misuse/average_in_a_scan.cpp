// expects: average is for all_reduce, reduce and reduce_scatter
#include <tutti/tutti.hpp>

#include <functional>
#include <vector>

#ifdef RIGHT
using operation = std::plus<>;
#else
using operation = tutti::average;
#endif

int main() {
    tutti::launch<tutti::comm::threads>(2, [](auto& world) {
        std::vector<float> x(8);
        tutti::scan(world, x, x, operation{});
    });
}
