// CUDA's runtime and cuBLAS, as far as tutti and its example call them, for a device whose memory is the host's and whose streams are
// always through.
#include <cublas_v2.h>
#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <map>
#include <mutex>

namespace {

thread_local std::size_t allocated = 0;
std::mutex guard;
std::map<std::byte const*, std::size_t> blocks;  // of all devices

}  // namespace

std::size_t allocated_there() { return allocated; }

extern "C" {
char const* cudaGetErrorString(cudaError_t) { return "an emulated error"; }
char const* cudaGetErrorName(cudaError_t) { return "emulated"; }
cudaError_t cudaGetDeviceCount(int* count) { return *count = 4, cudaSuccess; }
cudaError_t cudaSetDevice(int) { return cudaSuccess; }
cudaError_t cudaGetLastError() { return cudaSuccess; }
// What is not initialised holds no numbers.
cudaError_t cudaMalloc(void** data, std::size_t bytes) {
    *data = std::malloc(bytes);
    if (!*data) return cudaErrorMemoryAllocation;
    std::memset(*data, 0xff, bytes);
    allocated += bytes;
    std::scoped_lock const lock{guard};
    blocks[static_cast<std::byte const*>(*data)] = bytes;
    return cudaSuccess;
}
cudaError_t cudaFree(void* data) {
    std::scoped_lock const lock{guard};
    blocks.erase(static_cast<std::byte const*>(data));
    return std::free(data), cudaSuccess;
}
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* found, void const* data) {
    std::scoped_lock const lock{guard};
    auto const* const at = static_cast<std::byte const*>(data);
    auto const behind = blocks.upper_bound(at);
    bool const here = behind != blocks.begin() && at < std::prev(behind)->first + std::prev(behind)->second;
    return found->type = here ? cudaMemoryTypeDevice : cudaMemoryTypeUnregistered, cudaSuccess;
}
cudaError_t cudaMemcpy(void* to, void const* from, std::size_t bytes, cudaMemcpyKind) {
    return std::memcpy(to, from, bytes), cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, void const* from, std::size_t bytes, cudaMemcpyKind, cudaStream_t) {
    return std::memcpy(to, from, bytes), cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* data, int value, std::size_t bytes, cudaStream_t) {
    return std::memset(data, value, bytes), cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* made, unsigned) { return *made = nullptr, cudaSuccess; }
cudaError_t cudaStreamDestroy(cudaStream_t) { return cudaSuccess; }
cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* made, unsigned) { return *made = nullptr, cudaSuccess; }
cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t) { return cudaSuccess; }
cudaError_t cudaEventQuery(cudaEvent_t) { return cudaSuccess; }
cudaError_t cudaEventDestroy(cudaEvent_t) { return cudaSuccess; }

char const* cublasGetStatusString(cublasStatus_t) { return "emulated"; }
cublasStatus_t cublasCreate_v2(cublasHandle_t* handle) {
    static std::byte none{};
    return *handle = reinterpret_cast<cublasHandle_t>(&none), CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasDestroy_v2(cublasHandle_t) { return CUBLAS_STATUS_SUCCESS; }
cublasStatus_t cublasSetStream_v2(cublasHandle_t, cudaStream_t) { return CUBLAS_STATUS_SUCCESS; }
// By the definition: c = alpha op(a) op(b), columns side by side.
cublasStatus_t cublasSgemm_v2(cublasHandle_t, cublasOperation_t how_a, cublasOperation_t how_b, int m, int n, int k,
                              float const* alpha, float const* a, int lda, float const* b, int ldb, float const* beta, float* c,
                              int ldc) {
    bool const plain_a = how_a == CUBLAS_OP_N, plain_b = how_b == CUBLAS_OP_N;
    if (*beta != 0 || lda < (plain_a ? m : k) || ldb < (plain_b ? k : n) || ldc < m) return CUBLAS_STATUS_INVALID_VALUE;
    for (int j = 0; j < n; ++j)
        for (int i = 0; i < m; ++i) c[i + j * ldc] = 0;
    for (int j = 0; j < n; ++j)
        for (int l = 0; l < k; ++l) {
            float const by = *alpha * (plain_b ? b[l + j * ldb] : b[j + l * ldb]);
            for (int i = 0; i < m; ++i) c[i + j * ldc] += by * (plain_a ? a[i + l * lda] : a[l + i * lda]);
        }
    return CUBLAS_STATUS_SUCCESS;
}
}
