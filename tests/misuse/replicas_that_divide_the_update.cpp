// expects: the policy lets each rank update a part of the parameters, and a stage is updated as a whole
#include "staged.hpp"

int main() {
#ifdef RIGHT
    train_copies(tutti::sync::all_reduce{});
#else
    train_copies(tutti::sync::sharded<1>{});
#endif
}
