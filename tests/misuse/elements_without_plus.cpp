// expects: where none is given it is std::plus<>, which needs operator+
#include <tutti/tutti.hpp>

struct point {
    float x, y;
#ifdef RIGHT
    friend point operator+(point a, point b) { return {a.x + b.x, a.y + b.y}; }
#endif
};

int main() {
    tutti::launch<tutti::comm::threads>(2, [](auto& world) {
        point const sum = tutti::all_reduce(world, point{1, 2});
        (void)sum;
    });
}
