// CUDA's runtime, as far as tutti calls it, for a device whose memory is the host's and whose streams are always through.
#include <cuda_runtime_api.h>

#include <cstdlib>
#include <cstring>

extern "C" {
char const* cudaGetErrorString(cudaError_t) { return "an emulated error"; }
char const* cudaGetErrorName(cudaError_t) { return "emulated"; }
cudaError_t cudaGetDeviceCount(int* count) { return *count = 1, cudaSuccess; }
cudaError_t cudaGetLastError() { return cudaSuccess; }
// What is not initialised holds no numbers.
cudaError_t cudaMalloc(void** data, std::size_t bytes) {
    *data = std::malloc(bytes);
    return *data ? (std::memset(*data, 0xff, bytes), cudaSuccess) : cudaErrorMemoryAllocation;
}
cudaError_t cudaFree(void* data) { return std::free(data), cudaSuccess; }
cudaError_t cudaMemcpy(void* to, void const* from, std::size_t bytes, cudaMemcpyKind) { return std::memcpy(to, from, bytes), cudaSuccess; }
cudaError_t cudaMemcpyAsync(void* to, void const* from, std::size_t bytes, cudaMemcpyKind, cudaStream_t) {
    return std::memcpy(to, from, bytes), cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* data, int value, std::size_t bytes, cudaStream_t) { return std::memset(data, value, bytes), cudaSuccess; }
cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }
}
