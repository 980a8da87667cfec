#pragma once

#include "training.hpp"

#include <tutti/train/layers.hpp>
#include <tutti/train/model_parallel_trainer.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <tuple>
#include <utility>
#include <vector>

/// A model of layers of several types, whose activations are of several types, for the laws of pipelines; and the same in one
/// piece.
namespace laws {

/// A column per sample; says its shape itself.
struct sheet {
    std::array<std::size_t, 2> extents{};  // rows, columns
    std::vector<double> numbers{};

    auto shape() const { return extents; }
    void resize(std::array<std::size_t, 2> const& shape) {
        extents = shape;
        numbers.assign(shape[0] * shape[1], 0);
    }
    double* data() { return numbers.data(); }
    double& at(std::size_t row, std::size_t column) { return numbers[column * extents[0] + row]; }
};

/// A matrix as linear algebra libraries have it.
struct grid {
    long height = 0, width = 0;
    std::vector<double> numbers{};

    long rows() const { return height; }
    long cols() const { return width; }
    void resize(long rows, long cols) {
        height = rows, width = cols;
        numbers.resize(static_cast<std::size_t>(rows * cols));
    }
    double* data() { return numbers.data(); }
};

/// The first layer: x and x squared of every point, times weights.
struct spread {
    struct saved {
        std::vector<double> x{};
    };
    std::array<double, 3> weights{0.5, -0.25, 0.75}, slopes{};

    auto parameters() { return std::span{weights}; }
    auto gradients() { return std::span{slopes}; }
    sheet forward(auto const& batch, saved& kept) {
        sheet y;
        y.resize({3, batch.size()});
        kept.x.clear();
        for (point const& each : batch) {
            std::size_t const column = kept.x.size();
            y.at(0, column) = weights[0] * each.x;
            y.at(1, column) = weights[1] * each.x * each.x;
            y.at(2, column) = weights[2];
            kept.x.push_back(each.x);
        }
        return y;
    }
    void backward(sheet dy, saved& kept) {
        slopes = {};
        for (std::size_t column = 0; column < kept.x.size(); ++column) {
            slopes[0] += dy.at(0, column) * kept.x[column];
            slopes[1] += dy.at(1, column) * kept.x[column] * kept.x[column];
            slopes[2] += dy.at(2, column);
        }
    }
};

/// Weights and bias, in two blocks.
struct dense {
    struct saved {
        sheet x{};
    };
    std::size_t in, out;
    std::vector<double> weights, weight_slopes, bias, bias_slopes;

    dense(std::size_t rows, std::size_t columns, double seed)
        : in{columns},
          out{rows},
          weights(in * out),
          weight_slopes(in * out),
          bias(out),
          bias_slopes(out) {
        for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = std::sin(seed + 3 * static_cast<double>(i)) / 2;
    }
    dense(dense const&) = delete;  // layers need not move
    dense& operator=(dense const&) = delete;

    auto parameters() { return std::tuple{std::span{weights}, std::span{bias}}; }
    auto gradients() { return std::tuple{std::span{weight_slopes}, std::span{bias_slopes}}; }
    sheet forward(sheet&& x, saved& kept) {
        sheet y;
        y.resize({out, x.extents[1]});
        for (std::size_t n = 0; n < x.extents[1]; ++n)
            for (std::size_t i = 0; i < out; ++i) {
                double sum = bias[i];
                for (std::size_t j = 0; j < in; ++j) sum += weights[i * in + j] * x.at(j, n);
                y.at(i, n) = sum;
            }
        kept.x = std::move(x);
        return y;
    }
    sheet backward(sheet dy, saved& kept) {
        std::fill(weight_slopes.begin(), weight_slopes.end(), 0);
        std::fill(bias_slopes.begin(), bias_slopes.end(), 0);
        sheet dx;
        dx.resize({in, dy.extents[1]});
        for (std::size_t n = 0; n < dy.extents[1]; ++n)
            for (std::size_t i = 0; i < out; ++i) {
                bias_slopes[i] += dy.at(i, n);
                for (std::size_t j = 0; j < in; ++j) {
                    weight_slopes[i * in + j] += dy.at(i, n) * kept.x.at(j, n);
                    dx.at(j, n) += dy.at(i, n) * weights[i * in + j];
                }
            }
        return dx;
    }
};

/// Learns nothing.
struct hyperbolic {
    struct saved {
        sheet y{};
    };
    static sheet forward(sheet x, saved& kept) {
        for (double& each : x.numbers) each = std::tanh(each);
        return kept.y = std::move(x);
    }
    static sheet backward(sheet dy, saved& kept) {
        for (std::size_t i = 0; i < dy.numbers.size(); ++i) dy.numbers[i] *= 1 - kept.y.numbers[i] * kept.y.numbers[i];
        return dy;
    }
};

/// A sheet becomes a grid: another type of activation, and nothing to save but the shape.
struct transposed {
    struct saved {
        std::array<std::size_t, 2> shape{};
    };
    static grid forward(sheet x, saved& kept) {
        kept.shape = x.extents;
        grid y;
        y.resize(static_cast<long>(x.extents[1]), static_cast<long>(x.extents[0]));
        for (std::size_t n = 0; n < x.extents[1]; ++n)
            for (std::size_t i = 0; i < x.extents[0]; ++i) y.numbers[n * x.extents[0] + i] = x.at(i, n);
        return y;
    }
    static sheet backward(grid const& dy, saved& kept) {
        sheet dx;
        dx.resize(kept.shape);
        for (std::size_t n = 0; n < kept.shape[1]; ++n)
            for (std::size_t i = 0; i < kept.shape[0]; ++i) dx.at(i, n) = dy.numbers[n * kept.shape[0] + i];
        return dx;
    }
};

/// The last layer: a weighted sum of each sample's row, in float, as a vector.
struct summed {
    struct saved {
        grid x{};
    };
    std::vector<float> weights, slopes;

    explicit summed(std::size_t size) : weights(size), slopes(size) {
        for (std::size_t i = 0; i < size; ++i) weights[i] = static_cast<float>(std::cos(5 * static_cast<double>(i)));
    }
    auto& parameters() { return weights; }
    auto& gradients() { return slopes; }
    std::vector<float> forward(grid x, saved& kept) {
        std::vector<float> y(static_cast<std::size_t>(x.height));
        for (std::size_t n = 0; n < y.size(); ++n)
            for (std::size_t i = 0; i < weights.size(); ++i)
                y[n] += weights[i] * static_cast<float>(x.numbers[n * weights.size() + i]);
        kept.x = std::move(x);
        return y;
    }
    grid backward(std::vector<float> const& dy, saved& kept) {
        std::fill(slopes.begin(), slopes.end(), 0.0F);
        grid dx = kept.x;
        for (std::size_t n = 0; n < dy.size(); ++n)
            for (std::size_t i = 0; i < weights.size(); ++i) {
                slopes[i] += dy[n] * static_cast<float>(kept.x.numbers[n * weights.size() + i]);
                dx.numbers[n * weights.size() + i] = static_cast<double>(dy[n] * weights[i]);
            }
        return dx;
    }
};

struct mean_of_squares {
    double operator()(std::vector<float> const& y, auto const& batch, std::vector<float>& dy) const {
        dy.resize(y.size());
        double sum = 0;
        std::size_t n = 0;
        double const share = 1 / static_cast<double>(y.size());
        for (point const& each : batch) {
            double const error = static_cast<double>(y[n]) - each.y;
            sum += error * error * share;
            dy[n++] = static_cast<float>(2 * error * share);
        }
        return sum;
    }
};

inline constexpr std::size_t staged_layers = 7;

/// Seven layers. `built` is called with the number of each that is built.
inline auto staged(std::function<void(std::size_t)> built = [](std::size_t) {}) {
    auto told = [built](std::size_t k) {
        built(k);
        return k;
    };
    return tutti::layers{[=] {
                             told(0);
                             return spread{};
                         },
                         [=] {
                             return dense{4, 3, static_cast<double>(told(1))};
                         },
                         [=] {
                             told(2);
                             return hyperbolic{};
                         },
                         [=] {
                             return dense{4, 4, static_cast<double>(told(3))};
                         },
                         [=] {
                             told(4);
                             return hyperbolic{};
                         },
                         [=] {
                             told(5);
                             return transposed{};
                         },
                         [=] {
                             told(6);
                             return summed{4};
                         },
                         mean_of_squares{}};
}

/// A loss of nothing, whose gradient is what comes out.
struct no_loss {
    template <class Y>
    double operator()(Y const& y, auto const& /*batch*/, Y& dy) const {
        dy = y;
        return 0;
    }
};

/// The same layers in one piece, for a data-parallel trainer: what pipelines are compared with. The dense layers may be tied.
struct in_one_piece {
    spread first{};
    std::unique_ptr<dense> second = std::make_unique<dense>(4, 3, 1.0), fourth = std::make_unique<dense>(4, 4, 3.0);
    summed last{4};

    auto parameters() {
        return std::tuple_cat(std::tuple{first.parameters()}, second->parameters(), fourth->parameters(),
                              std::tuple{std::span{last.weights}});
    }
    auto gradients() {
        return std::tuple_cat(std::tuple{first.gradients()}, second->gradients(), fourth->gradients(),
                              std::tuple{std::span{last.slopes}});
    }
    double loss_and_gradients(auto const& batch) {
        saved kept;
        auto const y = run(batch, kept);
        std::vector<float> dy;
        double const loss = mean_of_squares{}(y, batch, dy);
        auto dx = transposed::backward(last.backward(dy, kept.g), kept.f);
        dx = fourth->backward(hyperbolic::backward(std::move(dx), kept.e), kept.d);
        first.backward(second->backward(hyperbolic::backward(std::move(dx), kept.c), kept.b), kept.a);
        return loss;
    }
    double loss(auto const& batch) {
        saved kept;
        std::vector<float> dy;
        return mean_of_squares{}(run(batch, kept), batch, dy);
    }
    /// The parameters of one of the seven layers.
    std::vector<double> of_layer(std::size_t k) {
        std::vector<double> all;
        if (k == 0) append_all(first.parameters(), all);
        if (k == 1) append_all(second->parameters(), all);
        if (k == 3) append_all(fourth->parameters(), all);
        if (k == 6) append_all(last.weights, all);
        return all;
    }

private:
    struct saved {
        spread::saved a;
        dense::saved b, d;
        hyperbolic::saved c, e;
        transposed::saved f;
        summed::saved g;
    };

    std::vector<float> run(auto const& batch, saved& to) {
        auto x = hyperbolic::forward(second->forward(first.forward(batch, to.a), to.b), to.c);
        return last.forward(transposed::forward(hyperbolic::forward(fourth->forward(std::move(x), to.d), to.e), to.f), to.g);
    }
};

/// The parameters of a layer, as numbers.
template <class Layer>
std::vector<double> numbers_of(Layer& layer) {
    std::vector<double> all;
    if constexpr (tutti::learns<Layer>) append_all(layer.parameters(), all);
    return all;
}

}  // namespace laws
