// expects: a model that is split over a group with a policy that exchanges gradients in buckets
#include "split.hpp"

int main() {
#ifdef RIGHT
    train_split(tutti::sync::all_reduce{});
#else
    train_split(tutti::sync::bucketed{});
#endif
}
