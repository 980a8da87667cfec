#pragma once

#include <tutti/detail/cuda.hpp>

#include <cmath>
#include <cstddef>

/// What a network on a device computes besides matrix products. Each is what worker `first` of `workers` does, so that it runs on the
/// host too; matrices have a column per sample.
namespace digits::on_device {

struct add_bias {
    float const* bias;
    float* y;
    std::size_t rows, count;
    bool rectified;
    constexpr void operator()(std::size_t first, std::size_t workers) const {
        for (std::size_t i = first; i < count; i += workers) {
            float const sum = y[i] + bias[i % rows];
            y[i] = rectified && sum < 0 ? 0 : sum;
        }
    }
};

/// The slopes before ReLU, of those behind it.
struct mask {
    float const* output;
    float* slopes;
    std::size_t count;
    constexpr void operator()(std::size_t first, std::size_t workers) const {
        for (std::size_t i = first; i < count; i += workers)
            if (!(output[i] > 0)) slopes[i] = 0;
    }
};

/// Sums over the samples: a worker per row.
struct bias_slopes {
    float const* error;
    float* slopes;
    std::size_t rows, samples;
    constexpr void operator()(std::size_t first, std::size_t workers) const {
        for (std::size_t row = first; row < rows; row += workers) {
            float sum = 0;
            for (std::size_t j = 0; j < samples; ++j) sum += error[j * rows + row];
            slopes[row] = sum;
        }
    }
};

/// Softmax with cross-entropy: the slopes of the batch's mean in the scores, and the loss of every sample. A worker per sample.
struct softmax {
    float const* scores;
    int const* labels;
    float *error, *losses;
    std::size_t rows, samples;
    constexpr void operator()(std::size_t first, std::size_t workers) const {
        float const share = 1 / static_cast<float>(samples);
        for (std::size_t j = first; j < samples; j += workers) {
            float const* const score = scores + j * rows;
            float* const probability = error + j * rows;
            float top = score[0], sum = 0;
            for (std::size_t k = 1; k < rows; ++k) top = score[k] > top ? score[k] : top;
            for (std::size_t k = 0; k < rows; ++k) sum += probability[k] = std::exp(score[k] - top);
            losses[j] = std::log(sum) - (score[labels[j]] - top);
            for (std::size_t k = 0; k < rows; ++k) probability[k] *= share / sum;
            probability[labels[j]] -= share;
        }
    }
};

/// The row of the largest score. A worker per sample.
struct largest {
    float const* scores;
    int* labels;
    std::size_t rows, samples;
    constexpr void operator()(std::size_t first, std::size_t workers) const {
        for (std::size_t j = first; j < samples; j += workers) {
            int best = 0;
            for (std::size_t k = 1; k < rows; ++k)
                if (scores[j * rows + k] > scores[j * rows + static_cast<std::size_t>(best)]) best = static_cast<int>(k);
            labels[j] = best;
        }
    }
};

/// Enqueues `share` in `stream`, for so many workers at most. Defined where nvcc compiles it; kernels.cu instantiates it.
template <class Share>
void launch(cudaStream_t stream, Share const& share, std::size_t workers);

#ifdef __CUDACC__
template <class Share>
__global__ void work(Share share) {
    share(std::size_t{blockIdx.x} * blockDim.x + threadIdx.x, std::size_t{gridDim.x} * blockDim.x);
}
template <class Share>
void launch(cudaStream_t stream, Share const& share, std::size_t workers) {
    if (workers == 0) return;
    constexpr std::size_t threads = 128, most = 4096;
    std::size_t const blocks = (workers + threads - 1) / threads;
    work<<<static_cast<unsigned>(blocks < most ? blocks : most), threads, 0, stream>>>(share);
    tutti::detail::check_cuda(cudaGetLastError(), "a kernel of digits");
}
#endif

}  // namespace digits::on_device
