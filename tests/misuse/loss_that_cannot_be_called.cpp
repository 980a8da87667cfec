// expects: the loss cannot be called as loss(y, batch, dy)
#include "staged.hpp"

struct loss {
#ifdef RIGHT
    float operator()(row const& y, auto const&, row& dy) const {
        dy = y;
        return 0;
    }
#else
    float operator()(row const&, int) const { return 0; }
#endif
};

int main() { train_in_stages(tutti::layers{[] { return entry{}; }, [] { return scale{}; }, loss{}}); }
