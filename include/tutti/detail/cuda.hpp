#pragma once

#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <cuda_runtime_api.h>

namespace tutti::detail {

/// @throws error  with CUDA's own text, unless `code` is a success
inline void check_cuda(cudaError_t code, char const* function) {
    if (code != cudaSuccess) [[unlikely]]
        raise<error>({"tutti: ", function, ": ", cudaGetErrorString(code), " (", cudaGetErrorName(code), ")"});
}

/// A stream of this rank's own, on the device that was set when it was made.
class cuda_stream {
public:
    cuda_stream() { check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags"); }
    cuda_stream(cuda_stream const&) = delete;
    cuda_stream& operator=(cuda_stream const&) = delete;
    ~cuda_stream() { cudaStreamDestroy(stream_); }
    cudaStream_t get() const { return stream_; }

private:
    cudaStream_t stream_ = nullptr;
};

/// A point in a stream that can be asked for.
class cuda_event {
public:
    explicit cuda_event(cudaStream_t stream) {
        check_cuda(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "cudaEventCreateWithFlags");
        if (auto const code = cudaEventRecord(event_, stream); code != cudaSuccess) {
            cudaEventDestroy(event_);
            check_cuda(code, "cudaEventRecord");
        }
    }
    cuda_event(cuda_event const&) = delete;
    cuda_event& operator=(cuda_event const&) = delete;
    ~cuda_event() { cudaEventDestroy(event_); }

    /// Whether the stream has come to it.
    /// @throws error  when what was before it has failed
    bool passed() const {
        auto const code = cudaEventQuery(event_);
        if (code == cudaErrorNotReady) return false;
        check_cuda(code, "cudaEventQuery");
        return true;
    }

private:
    cudaEvent_t event_ = nullptr;
};

}  // namespace tutti::detail
