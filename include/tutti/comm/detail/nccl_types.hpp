#pragma once

#include <tutti/concepts/call.hpp>
#include <tutti/concepts/element_type.hpp>
#include <tutti/concepts/reduction.hpp>

#include <nccl.h>

namespace tutti::detail {

/// Whether NCCL folds elements of a type.
constexpr bool has_nccl_type(element_type const& type) {
    switch (type.number) {
    case number_kind::signed_integer:
    case number_kind::unsigned_integer:
        return type.size == 1 || type.size == 4 || type.size == 8;
    case number_kind::floating_point:
        return type.size == 2 || type.size == 4 || type.size == 8;
    case number_kind::brain_floating_point:
        return type.size == 2;
    default:
        return false;
    }
}

/// NCCL's name for it.
/// @pre  has_nccl_type(type)
constexpr ncclDataType_t nccl_type(element_type const& type) {
    bool const byte = type.size == 1, four = type.size == 4;
    switch (type.number) {
    case number_kind::signed_integer:
        return byte ? ncclInt8 : four ? ncclInt32 : ncclInt64;
    case number_kind::unsigned_integer:
        return byte ? ncclUint8 : four ? ncclUint32 : ncclUint64;
    case number_kind::floating_point:
        return type.size == 2 ? ncclFloat16 : four ? ncclFloat32 : ncclFloat64;
    default:
        return ncclBfloat16;
    }
}

/// Whether NCCL has an operation, on elements of a type that it folds.
constexpr bool has_nccl_operation(reduction const& reduce) {
    switch (reduce.kind) {
    case operation_kind::plus:
    case operation_kind::multiplies:
    case operation_kind::minimum:
    case operation_kind::maximum:
        return true;
    default:
        return false;
    }
}

/// Whether NCCL performs a collective of this kind itself.
constexpr bool has_nccl_collective(collective kind) {
    return kind == collective::all_reduce || kind == collective::reduce || kind == collective::reduce_scatter ||
           kind == collective::all_gather || kind == collective::broadcast;
}

/// NCCL's name for such an operation.
constexpr ncclRedOp_t nccl_operation(reduction const& reduce, bool averages) {
    if (averages) return ncclAvg;
    switch (reduce.kind) {
    case operation_kind::multiplies:
        return ncclProd;
    case operation_kind::minimum:
        return ncclMin;
    case operation_kind::maximum:
        return ncclMax;
    default:
        return ncclSum;
    }
}

}  // namespace tutti::detail
