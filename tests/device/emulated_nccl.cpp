// NCCL, as far as tutti calls it, for processes whose emulated devices' memory is the host's: what ranks bring travels over MPI, and is
// folded in rank order. All is over when a call returns, messages when their group ends.
#include <tutti/concepts/half.hpp>

#include <mpi.h>
#include <nccl.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

struct ncclComm {
    MPI_Comm group = MPI_COMM_NULL;
    int rank = 0, size = 0;
};

namespace {

std::vector<MPI_Request> posted;

ncclResult_t result_of(int code) { return code == MPI_SUCCESS ? ncclSuccess : ncclSystemError; }

std::vector<std::byte> gathered(void const* mine, std::size_t bytes, ncclComm_t comm) {
    std::vector<std::byte> all(bytes * static_cast<std::size_t>(comm->size));
    int const count = static_cast<int>(bytes);
    MPI_Allgather(mine, count, MPI_BYTE, all.data(), count, MPI_BYTE, comm->group);
    return all;
}

/// Elements [first, first + count) of what all ranks bring, `total` each, folded.
template <class T>
ncclResult_t fold(void const* mine, void* out, std::size_t first, std::size_t count, std::size_t total, ncclRedOp_t how,
                  ncclComm_t comm) {
    using wide = std::conditional_t<std::is_arithmetic_v<T>, T, float>;
    auto const all = gathered(mine, total * sizeof(T), comm);
    auto const at = [&](int rank, std::size_t i) {
        T value;
        std::memcpy(&value, all.data() + (static_cast<std::size_t>(rank) * total + first + i) * sizeof(T), sizeof(T));
        return static_cast<wide>(value);
    };
    for (std::size_t i = 0; i < count; ++i) {
        wide sum = at(0, i);
        for (int rank = 1; rank < comm->size; ++rank) {
            wide const next = at(rank, i);
            if (how == ncclMax) sum = std::max(sum, next);
            else if (how == ncclMin) sum = std::min(sum, next);
            else if (how == ncclProd) sum = static_cast<wide>(sum * next);
            else sum = static_cast<wide>(sum + next);
        }
        if (how == ncclAvg) sum = static_cast<wide>(sum / static_cast<wide>(comm->size));
        static_cast<T*>(out)[i] = static_cast<T>(sum);
    }
    return ncclSuccess;
}

ncclResult_t fold(ncclDataType_t type, void const* mine, void* out, std::size_t first, std::size_t count, std::size_t total,
                  ncclRedOp_t how, ncclComm_t comm) {
    auto const as = [&]<class T>(T) { return fold<T>(mine, out, first, count, total, how, comm); };
    switch (type) {
    case ncclInt8: return as(std::int8_t{});
    case ncclUint8: return as(std::uint8_t{});
    case ncclInt32: return as(std::int32_t{});
    case ncclUint32: return as(std::uint32_t{});
    case ncclInt64: return as(std::int64_t{});
    case ncclUint64: return as(std::uint64_t{});
    case ncclFloat16: return as(tutti::half{});
    case ncclBfloat16: return as(tutti::bfloat16{});
    case ncclFloat32: return as(float{});
    case ncclFloat64: return as(double{});
    default: return ncclInvalidArgument;
    }
}

}  // namespace

extern "C" {
char const* ncclGetErrorString(ncclResult_t) { return "an emulated error"; }
char const* ncclGetLastError(ncclComm_t) { return ""; }
ncclResult_t ncclGetUniqueId(ncclUniqueId* id) { return *id = {}, ncclSuccess; }
ncclResult_t ncclCommInitRankConfig(ncclComm_t* made, int size, ncclUniqueId, int rank, ncclConfig_t*) {
    auto* const comm = new ncclComm;
    int const code = MPI_Comm_dup(MPI_COMM_WORLD, &comm->group);
    MPI_Comm_rank(comm->group, &comm->rank);
    MPI_Comm_size(comm->group, &comm->size);
    *made = comm;
    return comm->rank == rank && comm->size == size ? result_of(code) : ncclInvalidArgument;
}
ncclResult_t ncclCommGetAsyncError(ncclComm_t, ncclResult_t* now) { return *now = ncclSuccess; }
ncclResult_t ncclCommFinalize(ncclComm_t) { return ncclSuccess; }
ncclResult_t ncclCommDestroy(ncclComm_t comm) {
    int const code = MPI_Comm_free(&comm->group);
    delete comm;
    return result_of(code);
}
ncclResult_t ncclCommAbort(ncclComm_t comm) { return delete comm, ncclSuccess; }  // the others may never come to free it

ncclResult_t ncclAllReduce(void const* in, void* out, std::size_t count, ncclDataType_t type, ncclRedOp_t how, ncclComm_t comm,
                           cudaStream_t) {
    return fold(type, in, out, 0, count, count, how, comm);
}
ncclResult_t ncclReduce(void const* in, void* out, std::size_t count, ncclDataType_t type, ncclRedOp_t how, int root,
                        ncclComm_t comm, cudaStream_t) {
    return fold(type, in, out, 0, comm->rank == root ? count : 0, count, how, comm);
}
ncclResult_t ncclReduceScatter(void const* in, void* out, std::size_t count, ncclDataType_t type, ncclRedOp_t how, ncclComm_t comm,
                               cudaStream_t) {
    auto const rank = static_cast<std::size_t>(comm->rank), size = static_cast<std::size_t>(comm->size);
    return fold(type, in, out, rank * count, count, size * count, how, comm);
}
// What is only moved travels as bytes.
ncclResult_t ncclAllGather(void const* in, void* out, std::size_t bytes, ncclDataType_t, ncclComm_t comm, cudaStream_t) {
    auto const all = gathered(in, bytes, comm);
    return std::memcpy(out, all.data(), all.size()), ncclSuccess;
}
ncclResult_t ncclBroadcast(void const*, void* out, std::size_t bytes, ncclDataType_t, int root, ncclComm_t comm, cudaStream_t) {
    return result_of(MPI_Bcast(out, static_cast<int>(bytes), MPI_BYTE, root, comm->group));
}
ncclResult_t ncclSend(void const* data, std::size_t bytes, ncclDataType_t, int peer, ncclComm_t comm, cudaStream_t) {
    return result_of(MPI_Isend(data, static_cast<int>(bytes), MPI_BYTE, peer, 0, comm->group, &posted.emplace_back()));
}
ncclResult_t ncclRecv(void* data, std::size_t bytes, ncclDataType_t, int peer, ncclComm_t comm, cudaStream_t) {
    return result_of(MPI_Irecv(data, static_cast<int>(bytes), MPI_BYTE, peer, 0, comm->group, &posted.emplace_back()));
}
ncclResult_t ncclGroupStart() { return ncclSuccess; }
ncclResult_t ncclGroupEnd() {
    int const code = MPI_Waitall(static_cast<int>(posted.size()), posted.data(), MPI_STATUSES_IGNORE);
    return posted.clear(), result_of(code);
}
}
