// expects: a layer has no forward(x, saved) that takes what the layer before it gives
#include "staged.hpp"

struct layer {
    struct saved {};
#ifdef RIGHT
    static row forward(row x, saved&) { return x; }
#else
    static row forward(std::array<float, 4> x, saved&) { return row(x.begin(), x.end()); }
#endif
    static row backward(row dy, saved&) { return dy; }
};

int main() { train_with(layer{}); }
