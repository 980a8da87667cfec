// expects: the policy exchanges while a rank is elsewhere, and the micro-batches of a stage leave no gradient final before the last
#include "staged.hpp"

int main() {
#ifdef RIGHT
    train_copies(tutti::sync::all_reduce{});
#else
    train_copies(tutti::sync::bucketed{});
#endif
}
