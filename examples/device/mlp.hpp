#pragma once

#include "../digits/weights.hpp"
#include "kernels.hpp"

#include <tutti/concepts/device_span.hpp>
#include <tutti/device/buffer.hpp>

#include <cublas_v2.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace digits::on_device {

inline void check_cublas(cublasStatus_t code, char const* function) {
    if (code != CUBLAS_STATUS_SUCCESS) throw std::runtime_error{std::string{function} + ": " + cublasGetStatusString(code)};
}

/// The classifier of digits/mlp.hpp, with its parameters, gradients and work in a device's memory. Trains on any range of samples on
/// the host that have `pixels`, a range of floats, and a `label`. What it computes is enqueued in `stream`.
class mlp {
public:
    /// @param stream  of the communicator that the model is trained on
    /// @param widths  of the input, the hidden layers and the output
    mlp(cudaStream_t stream, std::vector<std::size_t> const& widths, std::uint64_t seed)
        : stream_{stream},
          parameters_{std::span<float const>{first_weights(widths, seed)}},
          gradients_{parameters_.size()},
          input_width_{widths.front()} {
        cublasHandle_t handle = nullptr;
        check_cublas(cublasCreate(&handle), "cublasCreate");
        cublas_.reset(handle);
        check_cublas(cublasSetStream(handle, stream), "cublasSetStream");
        std::size_t at = 0;
        for (std::size_t k = 1; k < widths.size(); ++k) {
            layers_.push_back({.in = widths[k - 1], .out = widths[k], .first = at});
            at += widths[k] * (widths[k - 1] + 1);
        }
    }

    // All in one piece of memory: one all_reduce per step.
    auto parameters() { return parameters_.span(); }
    auto gradients() { return gradients_.span(); }

    /// The mean cross-entropy over the batch; overwrites the gradients with those of that mean.
    float loss_and_gradients(auto const& batch) {
        std::size_t const n = forward(batch);
        std::vector<int> labels;
        for (auto const& sample : batch) labels.push_back(sample.label);
        tutti::copy(labels, part(labels_, n), stream_);
        layer& last = layers_.back();
        launch(stream_, softmax{last.output.data(), labels_.data(), last.error.data(), losses_.data(), last.out, n}, n);
        for (std::size_t k = layers_.size(); k-- > 0;) backward(k, n);
        std::vector<float> losses(n);
        tutti::copy(part(losses_, n), losses, stream_);
        float sum = 0;
        for (float const each : losses) sum += each;
        return sum / static_cast<float>(n);
    }

    /// The most likely label of every sample.
    std::vector<int> classify(auto const& batch) {
        std::size_t const n = forward(batch);
        layer const& last = layers_.back();
        launch(stream_, largest{last.output.data(), labels_.data(), last.out, n}, n);
        std::vector<int> labels(n);
        tutti::copy(part(labels_, n), labels, stream_);
        return labels;
    }

private:
    struct layer {
        std::size_t in, out, first;  // where its weights begin, and behind them its bias, in parameters and gradients
        tutti::device_buffer<float> output{}, error{};  // error: the loss's gradient in the sums before ReLU or softmax
    };
    struct destroy {
        void operator()(cublasHandle_t handle) const { cublasDestroy(handle); }
    };

    template <class T>
    static tutti::device_span<T> part(tutti::device_buffer<T>& of, std::size_t size) {
        return of.span().subspan(0, size);
    }

    /// c = a b, of matrices of which some are transposed: c has `rows` x `columns`, and `inner` is what is summed over.
    void multiply(cublasOperation_t how_a, cublasOperation_t how_b, std::size_t rows, std::size_t columns, std::size_t inner,
                  float const* a, float const* b, float* c) {
        auto const whole = [](std::size_t size) { return static_cast<int>(size); };
        float const one = 1, none = 0;
        check_cublas(cublasSgemm(cublas_.get(), how_a, how_b, whole(rows), whole(columns), whole(inner), &one, a,
                                 whole(how_a == CUBLAS_OP_N ? rows : inner), b, whole(how_b == CUBLAS_OP_N ? inner : columns),
                                 &none, c, whole(rows)),
                     "cublasSgemm");
    }

    /// Leaves the scores in the last layer's output; returns the number of samples.
    std::size_t forward(auto const& batch) {
        std::size_t const n = batch.size();
        if (n > losses_.size()) make_room(n);
        std::vector<float> pixels;
        for (auto const& sample : batch) pixels.insert(pixels.end(), sample.pixels.begin(), sample.pixels.end());
        tutti::copy(pixels, part(input_, pixels.size()), stream_);
        float const* input = input_.data();
        for (layer& here : layers_) {
            float const* const weights = parameters_.data() + here.first;
            multiply(CUBLAS_OP_N, CUBLAS_OP_N, here.out, n, here.in, weights, input, here.output.data());
            std::size_t const count = here.out * n;
            launch(stream_, add_bias{weights + here.in * here.out, here.output.data(), here.out, count, &here != &layers_.back()},
                   count);
            input = here.output.data();
        }
        return n;
    }

    /// The gradients of layer k, and the error of the one before it.
    void backward(std::size_t k, std::size_t n) {
        layer& here = layers_[k];
        float const* const input = k == 0 ? input_.data() : layers_[k - 1].output.data();
        float* const slopes = gradients_.data() + here.first;
        multiply(CUBLAS_OP_N, CUBLAS_OP_T, here.out, here.in, n, here.error.data(), input, slopes);
        launch(stream_, bias_slopes{here.error.data(), slopes + here.in * here.out, here.out, n}, here.out);
        if (k == 0) return;
        float* const before = layers_[k - 1].error.data();
        multiply(CUBLAS_OP_T, CUBLAS_OP_N, here.in, n, here.out, parameters_.data() + here.first, here.error.data(), before);
        launch(stream_, mask{input, before, here.in * n}, here.in * n);
    }

    void make_room(std::size_t samples) {
        using floats = tutti::device_buffer<float>;
        input_ = floats{input_width_ * samples};
        losses_ = floats{samples};
        labels_ = tutti::device_buffer<int>{samples};
        for (layer& each : layers_) each.output = floats{each.out * samples}, each.error = floats{each.out * samples};
    }

    cudaStream_t stream_;
    std::unique_ptr<cublasContext, destroy> cublas_;
    tutti::device_buffer<float> parameters_, gradients_;
    std::size_t input_width_;
    std::vector<layer> layers_;
    tutti::device_buffer<float> input_, losses_;
    tutti::device_buffer<int> labels_;
};

}  // namespace digits::on_device
