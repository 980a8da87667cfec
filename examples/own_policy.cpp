// Synchronisation policies, an optimiser and a partition of one's own, in two trainings. Prints twice: y = 3.0 x + 2.0
#include "line.hpp"

#include <tutti/tutti.hpp>

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <vector>

/// Replicas train alone and average their parameters every `period` steps.
struct average_parameters {
    int period = 8;

    template <class Comm>
    class bound {
    public:
        bound(Comm& world, average_parameters const& settings) : world_{&world}, period_{settings.period} {}

        void contribute(auto&& /*gradients*/, double /*weight*/) {}
        tutti::slice owned(std::size_t count) const { return {0, count}; }
        void publish(auto&& parameters) {
            if (++step_ % period_ != 0) return;
            tutti::for_each_block(parameters, [&](auto block) {
                tutti::all_reduce(*world_, block);
                for (auto& x : block) x /= static_cast<float>(world_->size());
            });
        }

    private:
        Comm* world_;
        int period_, step_ = 0;
    };
};

/// Sums the gradients of all ranks in every step, each weighted by its share of the batch.
struct sum_gradients {
    template <class Comm>
    class bound {
    public:
        bound(Comm& world, sum_gradients const& /*settings*/) : world_{&world} {}

        void contribute(auto&& gradients, double weight) {
            tutti::for_each_block(gradients, [&](auto block) {
                for (auto& g : block) g *= static_cast<float>(weight);
                tutti::all_reduce(*world_, block);
            });
        }
        tutti::slice owned(std::size_t count) const { return {0, count}; }
        void publish(auto&& /*parameters*/) {}

    private:
        Comm* world_;
    };
};

/// Moves each parameter by a fixed length against the sign of its averaged gradient; the length shrinks as 1 / sqrt(step).
struct sign_descent {
    double learning_rate = 0.05, momentum = 0.5;

    template <class T>
    struct update {
        T length, momentum;
        void operator()(T& x, T gradient, T& average) const {
            average = momentum * average + (1 - momentum) * gradient;
            x -= average > 0 ? length : average < 0 ? -length : T{0};
        }
    };

    int slots() const { return 1; }
    template <std::floating_point T>
    update<T> at(std::int64_t step) const {
        return {static_cast<T>(learning_rate / std::sqrt(static_cast<double>(step))), static_cast<T>(momentum)};
    }
    void check() const {}
};

/// Deals the samples in turns, as partition::strided does, but from the last to the first.
struct backwards {
    class share_type {
    public:
        explicit share_type(tutti::share_of const& which) : turns_{which}, size_{which.size} {}
        std::size_t before(std::size_t position) const { return turns_.before(position); }
        std::size_t row(std::size_t k) const { return size_ - 1 - turns_.row(k); }

    private:
        tutti::partition::strided::share_type turns_;
        std::size_t size_;
    };

    share_type share(tutti::share_of const& which) const { return share_type{which}; }
};

int main() {
    std::vector<point> data;
    for (int i = 0; i < 1000; ++i) {
        float const x = static_cast<float>(i * 7 % 1000) / 500.f - 1.f;
        data.push_back({x, 3 * x + 2});
    }
    line averaged, summed;
    tutti::launch<tutti::comm::threads>(4, [&](auto& world) {
        tutti::data_parallel_trainer trainer{world, line{}, backwards{}, average_parameters{.period = 4}, sign_descent{}};
        tutti::data_parallel_trainer together{world, line{}, backwards{}, sum_gradients{}, sign_descent{}};
        for (int epoch = 0; epoch < 200; ++epoch) trainer.run_epoch(data, {.batch = 64});
        for (int epoch = 0; epoch < 200; ++epoch) together.run_epoch(data, {.batch = 64});
        if (world.rank() == 0) averaged = trainer.model(), summed = together.model();
    });
    bool right = true;
    for (line const& fitted : {averaged, summed}) {
        std::printf("y = %.1f x + %.1f\n", static_cast<double>(fitted.weights[0]), static_cast<double>(fitted.weights[1]));
        right = right && std::abs(fitted.weights[0] - 3) < 0.05f && std::abs(fitted.weights[1] - 2) < 0.05f;
    }
    return right ? 0 : 1;
}
