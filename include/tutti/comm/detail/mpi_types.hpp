#pragma once

#include <tutti/concepts/call.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

// Without these, either MPI's header brings the C++ bindings that MPI 3 has dropped.
#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

#include <bit>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace tutti::detail {

/// @throws error  with MPI's own text
[[noreturn, gnu::cold, gnu::noinline]] inline void fail_as_mpi(int code, char const* function) {
    char text[MPI_MAX_ERROR_STRING];
    int length = 0;
    MPI_Error_string(code, text, &length);
    raise<error>({"tutti: ", function, ": ", std::string(text, static_cast<std::size_t>(length))});
}

/// @throws error  with MPI's own text, unless `code` is a success
[[gnu::always_inline]] inline void check_mpi(int code, char const* function) {
    if (code != MPI_SUCCESS) [[unlikely]] fail_as_mpi(code, function);
}

/// Whether MPI has a name for an element type.
[[gnu::always_inline]] constexpr bool has_mpi_type(element_type const& type) {
    switch (type.number) {
    case number_kind::signed_integer:
    case number_kind::unsigned_integer:
        return type.size == 1 || type.size == 2 || type.size == 4 || type.size == 8;
    case number_kind::floating_point:
        return type.size == 4 || type.size == 8 || type.size == sizeof(long double);
    case number_kind::complex:
        return type.size == 8 || type.size == 16 || type.size == 32;
    default:
        return false;
    }
}

/// That name, or MPI_DATATYPE_NULL.
[[gnu::always_inline]] inline MPI_Datatype mpi_type(element_type const& type) {
    if (!has_mpi_type(type)) return MPI_DATATYPE_NULL;
    bool const byte = type.size == 1, two = type.size == 2, four = type.size == 4, eight = type.size == 8;
    switch (type.number) {
    case number_kind::signed_integer:
        return byte ? MPI_INT8_T : two ? MPI_INT16_T : four ? MPI_INT32_T : MPI_INT64_T;
    case number_kind::unsigned_integer:
        return byte ? MPI_UINT8_T : two ? MPI_UINT16_T : four ? MPI_UINT32_T : MPI_UINT64_T;
    case number_kind::floating_point:
        return four ? MPI_FLOAT : eight ? MPI_DOUBLE : MPI_LONG_DOUBLE;
    default:
        return eight ? MPI_CXX_FLOAT_COMPLEX : type.size == 16 ? MPI_CXX_DOUBLE_COMPLEX : MPI_CXX_LONG_DOUBLE_COMPLEX;
    }
}

/// Whether MPI does an operation exactly as tutti does, on any ranks in any order, on elements that it has a name for.
/// The smaller of -0 and 0, or of a number and NaN, depends on the order; and MPICH 4.0 compares unsigned numbers, Open MPI 4.1
/// unsigned long, as if they had a sign. So minima and maxima are MPI's only where numbers are whole and signed.
constexpr bool has_mpi_operation(reduction const& reduce) {
    number_kind const number = reduce.type->number;
    switch (reduce.kind) {
    case operation_kind::other:
        return false;
    case operation_kind::plus:
    case operation_kind::multiplies:
        return true;
    case operation_kind::minimum:
    case operation_kind::maximum:
        return number == number_kind::signed_integer;
    default:
        return number == number_kind::signed_integer || number == number_kind::unsigned_integer;
    }
}

/// MPI's name for such an operation, or MPI_OP_NULL.
[[gnu::always_inline]] inline MPI_Op mpi_operation(reduction const& reduce) {
    if (!has_mpi_operation(reduce)) return MPI_OP_NULL;
    switch (reduce.kind) {
    case operation_kind::plus:
        return MPI_SUM;
    case operation_kind::multiplies:
        return MPI_PROD;
    case operation_kind::minimum:
        return MPI_MIN;
    case operation_kind::maximum:
        return MPI_MAX;
    case operation_kind::bit_and:
        return MPI_BAND;
    case operation_kind::bit_or:
        return MPI_BOR;
    case operation_kind::bit_xor:
        return MPI_BXOR;
    case operation_kind::logical_and:
        return MPI_LAND;
    default:
        return MPI_LOR;
    }
}

/// `count` elements as MPI counts them: an int of some type. What MPI has no name for travels as bytes, and what an int cannot
/// count as one element of a type made for it.
class mpi_elements {
public:
    mpi_elements(element_type const& type, std::size_t count) : type_{mpi_type(type)} {
        if (type_ == MPI_DATATYPE_NULL) {
            type_ = MPI_BYTE;
            count *= type.size;
        }
        if (count <= INT_MAX) [[likely]] {
            count_ = static_cast<int>(count);
            return;
        }
        MPI_Aint lower = 0, extent = 0;
        check_mpi(MPI_Type_get_extent(type_, &lower, &extent), "MPI_Type_get_extent");
        constexpr std::size_t block = std::size_t{1} << 30;
        MPI_Datatype many = MPI_DATATYPE_NULL;
        check_mpi(MPI_Type_contiguous(static_cast<int>(block), type_, &many), "MPI_Type_contiguous");
        int const lengths[] = {static_cast<int>(count / block), static_cast<int>(count % block)};
        MPI_Aint const places[] = {0, static_cast<MPI_Aint>(count / block * block) * extent};
        MPI_Datatype const types[] = {many, type_};
        check_mpi(MPI_Type_create_struct(2, lengths, places, types, &type_), "MPI_Type_create_struct");
        made_ = true;
        check_mpi(MPI_Type_free(&many), "MPI_Type_free");
        check_mpi(MPI_Type_commit(&type_), "MPI_Type_commit");
        count_ = 1;
    }
    mpi_elements(mpi_elements const&) = delete;
    mpi_elements& operator=(mpi_elements const&) = delete;
    ~mpi_elements() {
        if (made_) MPI_Type_free(&type_);
    }

    MPI_Datatype type() const { return type_; }
    int count() const { return count_; }

private:
    MPI_Datatype type_;
    int count_ = 0;
    bool made_ = false;
};

/// How parts that lie one after another, of different numbers of elements, are told to MPI. All together fit an int.
struct mpi_parts {
    mpi_parts() = default;
    mpi_parts(std::size_t const* elements, int ranks, std::size_t unit) {
        int at = 0;
        for (int k = 0; k < ranks; ++k) {
            counts.push_back(static_cast<int>(elements[k] * unit));
            places.push_back(std::exchange(at, at + counts.back()));
        }
    }
    std::vector<int> counts, places;
};

}  // namespace tutti::detail
