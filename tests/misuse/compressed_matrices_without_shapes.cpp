// expects: the synchronisation policy makes matrices smaller, and the model does not say which of its blocks are
#include "mean.hpp"

struct shaped : mean {
#ifdef RIGHT
    std::array<tutti::block_shape, 1> shapes() const { return {{{1, 1}}}; }
#endif
};

int main() {
    using tutti::sync::compressed, tutti::sync::codec::error_feedback, tutti::sync::codec::power_sgd;
    train(shaped{}, std::vector<float>{1}, tutti::partition::block{}, compressed{error_feedback{power_sgd{}}});
}
