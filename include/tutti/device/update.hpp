#pragma once

#include <tutti/concepts/device_span.hpp>
#include <tutti/detail/cuda.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>

namespace tutti {
namespace detail {

/// What a thread of the device loads and stores at once.
template <class T, std::size_t Wide>
struct alignas(Wide * sizeof(T)) pack {
    T at[Wide];
};

/// Moves the elements of one pack.
template <class Update, class T, std::size_t Wide, class... Slots>
constexpr void update_pack(Update const& update, T scale, pack<T, Wide>& x, pack<T, Wide> const& gradient, Slots&... slots) {
    auto const move = [&](pack<T, Wide> moved, pack<T, Wide> by, Slots... kept) {
        for (std::size_t k = 0; k < Wide; ++k) update(moved.at[k], scale * by.at[k], kept.at[k]...);
        x = moved;
        ((slots = kept), ...);
    };
    move(x, gradient, slots...);
}

/// The share of worker `first` of `workers`, each of which takes every workers-th pack.
template <class Update, class T, std::size_t Wide, class... Slots>
constexpr void update_share(std::size_t first, std::size_t workers, Update const& update, T scale, std::size_t packs,
                            pack<T, Wide>* x, pack<T, Wide> const* gradient, Slots*... slots) {
    for (std::size_t i = first; i < packs; i += workers) update_pack(update, scale, x[i], gradient[i], slots[i]...);
}

#ifdef __CUDACC__
template <class Update, class T, std::size_t Wide, class... Slots>
__global__ void update_kernel(Update update, T scale, std::size_t packs, pack<T, Wide>* x, pack<T, Wide> const* gradient,
                              Slots*... slots) {
    std::size_t const first = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x, workers = std::size_t{gridDim.x} * blockDim.x;
    update_share(first, workers, update, scale, packs, x, gradient, slots...);
}

template <std::size_t Wide, class Update, class T, class... Slots>
void launch_update(cudaStream_t stream, Update const& update, T scale, std::size_t packs, T* x, T const* gradient,
                   Slots*... slots) {
    if (packs == 0) return;
    using wide = pack<T, Wide>;
    constexpr std::size_t threads = 256, most = 4096;  // blocks: some for each processor of the largest device
    std::size_t const blocks = (packs + threads - 1) / threads;
    update_kernel<<<static_cast<unsigned>(blocks < most ? blocks : most), threads, 0, stream>>>(
        update, scale, packs, reinterpret_cast<wide*>(x), reinterpret_cast<wide const*>(gradient),
        reinterpret_cast<wide*>(slots)...);
    check_cuda(cudaGetLastError(), "an update on the device");
}
#endif

/// Whether 16 bytes may be loaded at once there.
inline bool is_aligned(void const* data) { return reinterpret_cast<std::uintptr_t>(data) % 16 == 0; }

}  // namespace detail

/// Moves each parameter by `update`, in one pass over device memory; enqueued in `stream`. Local.
/// Declared everywhere, defined where nvcc compiles it (with --expt-relaxed-constexpr, which lets devices call the optimisers'
/// updates): a program instantiates it in one .cu, as in
///     template void tutti::update_on_device(cudaStream_t, tutti::optim::sgd::update<float> const&, float, ...);
/// @param  update  of one step, such as `tutti::optim::adamw{}.at<float>(step)`
/// @param  scale   by which gradients are multiplied first: 1/p makes means of what p ranks have summed, at no cost
/// @param  slots   the optimiser's state, as many as its update takes; zeros at the start
/// @throws usage_error  when sizes differ;  error  with CUDA's text
/// Cost:   memory traffic alone: with float and one slot 20 B per parameter, with two 28; 16 B at a time where all begin at a
///         multiple of that
/// Order:  elements do not depend on one another; the host's bits where nvcc is told not to contract (-fmad=false), else rounded
///         less often
/// Not tested on a device yet: the share of a thread is, on the host.
template <class Update, std::floating_point T, std::same_as<device_span<T>>... Slots>
void update_on_device(cudaStream_t stream, Update const& update, T scale, device_span<T> parameters, device_span<T const> gradients,
                      Slots... slots)
#ifdef __CUDACC__
{
    static_assert(std::invocable<Update const&, T&, T, typename Slots::element_type&...>,
                  "tutti: update_on_device needs as many slots as the optimiser's update takes: see its slots()");
    std::size_t const count = parameters.size();
    if (gradients.size() != count || ((slots.size() != count) || ...))
        detail::raise<usage_error>({"tutti: update_on_device: ", count, " parameters need as many gradients, of which there are ",
                                    gradients.size(), ", and as many elements in each slot"});
    constexpr std::size_t wide = 16 / sizeof(T);
    bool const aligned =
        detail::is_aligned(parameters.data()) && detail::is_aligned(gradients.data()) && (detail::is_aligned(slots.data()) && ...);
    std::size_t const packed = aligned ? count / wide : 0, rest = packed * wide;
    detail::launch_update<wide>(stream, update, scale, packed, parameters.data(), gradients.data(), slots.data()...);
    detail::launch_update<1>(stream, update, scale, count - rest, parameters.data() + rest, gradients.data() + rest,
                             (slots.data() + rest)...);
}
#endif
;

}  // namespace tutti
