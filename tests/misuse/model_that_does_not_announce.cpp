// expects: the model needs loss_and_gradients(batch, announce) that calls announce(k) once block k of gradients() is final
#include "mean.hpp"

struct model : mean {
#ifdef RIGHT
    float loss_and_gradients(auto const& batch, auto const& announce) {
        float const loss = mean::loss_and_gradients(batch);
        announce(0);
        return loss;
    }
#endif
};

int main() { train(model{}, std::vector<float>{1}, tutti::partition::block{}, tutti::sync::bucketed{}); }
