// expects: a layer has no backward(dy, saved)
#include "staged.hpp"

struct layer {
    struct saved {};
    static row forward(row x, saved&) { return x; }
#ifdef RIGHT
    static row backward(row dy, saved&) { return dy; }
#endif
};

int main() { train_with(layer{}); }
