// expects: world is const, and a rank that talks changes it; take it as in [](auto& world) { ... }
#include <tutti/tutti.hpp>

#include <vector>

int main() {
#ifdef RIGHT
    auto body = [](auto& world) {
#else
    auto body = [](auto const& world) {
#endif
        std::vector<float> x(8);
        tutti::all_reduce(world, x);
    };
    tutti::launch<tutti::comm::threads>(2, body);
}
