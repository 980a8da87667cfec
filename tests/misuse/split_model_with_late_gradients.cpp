// expects: a model that is split over a group with a policy that lets ranks run ahead
#include "split.hpp"

int main() {
#ifdef RIGHT
    train_split(tutti::sync::all_reduce{});
#else
    train_split(tutti::sync::parameter_server{.staleness = 1});
#endif
}
