// expects: the policy makes matrices smaller, and layers do not say which of their blocks are
#include "staged.hpp"

int main() {
#ifdef RIGHT
    train_copies(tutti::sync::compressed{tutti::sync::codec::top_k{}});
#else
    train_copies(tutti::sync::compressed{tutti::sync::codec::power_sgd{}});
#endif
}
