#pragma once

#include <tutti/comm/detail/mpi_types.hpp>
#include <tutti/concepts/call.hpp>
#include <tutti/detail/aligned_bytes.hpp>
#include <tutti/detail/copy_bytes.hpp>
#include <tutti/detail/least_standard.hpp>

#include <climits>
#include <cstddef>

namespace tutti::detail {

/// A collective that MPI has started, and what it reads until its end.
struct mpi_request {
    MPI_Request request = MPI_REQUEST_NULL;
    mpi_parts parts{};
    aligned_bytes result;  // to be copied where it belongs, if it has any
    std::byte* out = nullptr;
    std::size_t bytes = 0;

    /// Once MPI is done.
    void finish() {
        copy_bytes(out, result.data(), bytes);
        bytes = 0;
    }
};

/// The collectives that MPI itself has, of one group.
class mpi_collectives {
public:
    mpi_collectives() = default;
    mpi_collectives(MPI_Comm group, int rank, int size) : group_{group}, rank_{rank}, size_{size} {}

    /// Whether MPI has every collective of this kind on such elements, with such an operation, where parts do not differ.
    template <collective Kind, class T, class Operation>
    static constexpr bool has_all() {
        return Kind != collective::reduce_scatter && has_most<Kind, T, Operation>();
    }
    /// The same, but perhaps not of those in place.
    template <collective Kind, class T, class Operation>
    static constexpr bool has_most() {
        if constexpr (!reduces(Kind)) return true;
        else return has_mpi_type(element_type_of<T>) && has_mpi_operation(reduction_of<T, Operation>);
    }
    /// Whether `perform_typed` takes this call, of a kind that `has_most` of.
    template <collective Kind, class T>
    [[gnu::always_inline]] bool has_typed(call const& what) const {
        if constexpr (Kind == collective::barrier) return true;
        else return what.count <= INT_MAX / unit_of<T> && (Kind != collective::reduce_scatter || !in_place_of_equal_parts(what));
    }
    /// Whether MPI has this collective on these elements, with this operation. On all ranks alike, so it asks nothing that differs
    /// between them, such as whether a rank calls in place. An all_to_all_v is not MPI's: whether ints count its parts differs.
    bool has(call const& what) const {
        if (what.receive_counts || (what.counts && !has_int_counts(what))) return false;
        if (!what.reduce) return true;
        return what.count <= INT_MAX && has_mpi_type(*what.type) && has_mpi_operation(*what.reduce);
    }

    /// An all_reduce that MPI has.
    [[gnu::always_inline]] void all_reduce(call const& what) const {
        check_mpi(MPI_Allreduce(what.in == what.out ? MPI_IN_PLACE : what.in, what.out, static_cast<int>(what.count),
                                mpi_type(*what.type), mpi_operation(*what.reduce), group_),
                  "MPI_Allreduce");
    }

    /// Calls MPI's blocking function. Inlined where the call is made, since the types are known there; and nothing of it is a call
    /// of ours, before which g++ 12 leaves vector registers in a state that makes MPI's own code slow.
    template <collective Kind, class T>
    [[gnu::always_inline]] void perform_typed(call const& what) const {
        if constexpr (Kind == collective::barrier) {
            check_mpi(MPI_Barrier(group_), "MPI_Barrier");
        } else if constexpr (Kind == collective::all_reduce) {
            all_reduce(what);
        } else {
            constexpr bool named = has_mpi_type(element_type_of<T>);
            auto const type = named ? mpi_type(element_type_of<T>) : MPI_BYTE;
            perform_as<Kind>(what, type, static_cast<int>(what.count * unit_of<T>), nullptr);
        }
    }

    /// Calls MPI's blocking function for a call of a kind that `has_all` of. What an int cannot count is reduced in pieces.
    template <collective Kind>
    void perform_one(call const& what) const {
        if constexpr (!reduces(Kind)) return perform_one<Kind>(what, nullptr);
        call piece = what;
        std::size_t left = what.count;
        for (;;) {
            piece.count = std::min<std::size_t>(left, INT_MAX);
            if constexpr (Kind == collective::all_reduce) all_reduce(piece);
            else perform_one<Kind>(piece, nullptr);
            left -= piece.count;
            if (left == 0) return;
            piece.in += piece.bytes();
            if (piece.out) piece.out += piece.bytes();
        }
    }

    /// Calls MPI: its blocking function, or the one that gives a request.
    void perform(call const& what, mpi_request* starts = nullptr) const {
        if (what.kind == collective::reduce_scatter && in_place(what)) return reduce_scatter_in_place(what, starts);
        if (what.counts) return perform_v(what, starts);
        MPI_Request* const request = starts ? &starts->request : nullptr;
        switch (what.kind) {
        case collective::barrier:
            return perform_one<collective::barrier>(what, request);
        case collective::broadcast:
            return perform_one<collective::broadcast>(what, request);
        case collective::reduce:
            return perform_one<collective::reduce>(what, request);
        case collective::all_reduce:
            return perform_one<collective::all_reduce>(what, request);
        case collective::reduce_scatter:
            return perform_one<collective::reduce_scatter>(what, request);
        case collective::gather:
            return perform_one<collective::gather>(what, request);
        case collective::all_gather:
            return perform_one<collective::all_gather>(what, request);
        case collective::scatter:
            return perform_one<collective::scatter>(what, request);
        case collective::all_to_all:
            return perform_one<collective::all_to_all>(what, request);
        case collective::scan:
            return perform_one<collective::scan>(what, request);
        default:
            return perform_one<collective::exclusive_scan>(what, request);
        }
    }

private:
    /// MPICH before 4.2 reads from the address MPI_IN_PLACE where a rank other than 0 is the root of more than 2 KiB:
    /// github.com/pmodels/mpich/issues/6540.
#if defined(MPICH_NUMVERSION) && MPICH_NUMVERSION < 40200000
    static constexpr bool reduces_in_place_at_0_alone = true;
#else
    static constexpr bool reduces_in_place_at_0_alone = false;
#endif

    /// As how many elements MPI counts one of type T: bytes, where it has no name for it.
    template <class T>
    static constexpr std::size_t unit_of = has_mpi_type(element_type_of<T>) ? 1 : sizeof(T);
    /// Whether all parts together, of a call whose parts differ, can be counted by an int.
    bool has_int_counts(call const& what) const {
        std::size_t const unit = mpi_type(*what.type) == MPI_DATATYPE_NULL ? what.type->size : 1;
        std::size_t whole = 0;
        for (int k = 0; k < size_; ++k) whole += what.counts[k];
        return whole <= INT_MAX / unit;
    }
    /// Whether this rank's part of one buffer is the other buffer.
    bool in_place(call const& what) const {
        if (!what.counts) return in_place_of_equal_parts(what);
        std::size_t before = 0;
        for (int k = 0; k < rank_; ++k) before += what.counts[k];
        return in_place_at(what, before);
    }
    [[gnu::always_inline]] bool in_place_of_equal_parts(call const& what) const {
        return in_place_at(what, static_cast<std::size_t>(rank_) * what.count);
    }
    [[gnu::always_inline]] static bool in_place_at(call const& what, std::size_t before) {
        std::size_t const bytes = before * what.type->size;
        return brings_parts(what.kind) ? what.out == what.in + bytes : what.in == what.out + bytes;
    }

    /// One kind, so that only those that a program calls are compiled.
    template <collective Kind>
    void perform_one(call const& what, MPI_Request* request) const {
        if constexpr (Kind == collective::barrier) {
            check_mpi(request ? MPI_Ibarrier(group_, request) : MPI_Barrier(group_), "MPI_Barrier");
        } else if constexpr (Kind == collective::all_reduce) {
            if (!request) return all_reduce(what);
            check_mpi(MPI_Iallreduce(what.in == what.out ? MPI_IN_PLACE : what.in, what.out, static_cast<int>(what.count),
                                     mpi_type(*what.type), mpi_operation(*what.reduce), group_, request),
                      "MPI_Allreduce");
        } else {
            mpi_elements const elements{*what.type, what.count};
            perform_as<Kind>(what, elements.type(), elements.count(), request);
        }
    }

    /// The same but for a barrier, on `n` elements as MPI counts them.
    template <collective Kind>
    [[gnu::always_inline]] void perform_as(call const& what, MPI_Datatype type, int n, MPI_Request* request) const {
        bool const root = what.root == rank_;
        void const* const in = what.in == what.out ? MPI_IN_PLACE : what.in;
        void* const out = what.out;
        if constexpr (Kind == collective::broadcast) {
            check_mpi(request ? MPI_Ibcast(out, n, type, what.root, group_, request)
                              : MPI_Bcast(out, n, type, what.root, group_),
                      "MPI_Bcast");
        } else if constexpr (Kind == collective::reduce) {
            auto const operation = mpi_operation(*what.reduce);
            void const* brought = root ? in : what.in;
            aligned_bytes copy;
            if (reduces_in_place_at_0_alone && !request && root && brought == MPI_IN_PLACE && rank_ != 0 && n != 0) {
                copy = aligned_bytes{what.bytes(), what.type->alignment};
                copy_bytes(copy.data(), what.in, what.bytes());
                brought = copy.data();
            }
            check_mpi(request ? MPI_Ireduce(brought, out, n, type, operation, what.root, group_, request)
                              : MPI_Reduce(brought, out, n, type, operation, what.root, group_),
                      "MPI_Reduce");
        } else if constexpr (Kind == collective::reduce_scatter) {
            auto const operation = mpi_operation(*what.reduce);
            check_mpi(request ? MPI_Ireduce_scatter_block(in, out, n, type, operation, group_, request)
                              : MPI_Reduce_scatter_block(in, out, n, type, operation, group_),
                      "MPI_Reduce_scatter_block");
        } else if constexpr (Kind == collective::gather) {
            void const* const brought = root && in_place_of_equal_parts(what) ? MPI_IN_PLACE : what.in;
            check_mpi(request ? MPI_Igather(brought, n, type, out, n, type, what.root, group_, request)
                              : MPI_Gather(brought, n, type, out, n, type, what.root, group_),
                      "MPI_Gather");
        } else if constexpr (Kind == collective::all_gather) {
            void const* const brought = in_place_of_equal_parts(what) ? MPI_IN_PLACE : what.in;
            check_mpi(request ? MPI_Iallgather(brought, n, type, out, n, type, group_, request)
                              : MPI_Allgather(brought, n, type, out, n, type, group_),
                      "MPI_Allgather");
        } else if constexpr (Kind == collective::scatter) {
            void* const got = root && in_place_of_equal_parts(what) ? MPI_IN_PLACE : out;
            check_mpi(request ? MPI_Iscatter(what.in, n, type, got, n, type, what.root, group_, request)
                              : MPI_Scatter(what.in, n, type, got, n, type, what.root, group_),
                      "MPI_Scatter");
        } else if constexpr (Kind == collective::all_to_all) {
            check_mpi(request ? MPI_Ialltoall(in, n, type, out, n, type, group_, request)
                              : MPI_Alltoall(in, n, type, out, n, type, group_),
                      "MPI_Alltoall");
        } else if constexpr (Kind == collective::scan) {
            auto const operation = mpi_operation(*what.reduce);
            check_mpi(request ? MPI_Iscan(in, out, n, type, operation, group_, request)
                              : MPI_Scan(in, out, n, type, operation, group_),
                      "MPI_Scan");
        } else {
            auto const operation = mpi_operation(*what.reduce);
            check_mpi(request ? MPI_Iexscan(in, out, n, type, operation, group_, request)
                              : MPI_Exscan(in, out, n, type, operation, group_),
                      "MPI_Exscan");
        }
    }

    /// In place MPI's result is at the beginning of the buffer, and tutti's where the rank's own part is.
    void reduce_scatter_in_place(call const& what, mpi_request* starts) const {
        mpi_request here;
        mpi_request& running = starts ? *starts : here;
        running.bytes = (what.counts ? what.counts[rank_] : what.count) * what.type->size;
        running.result = aligned_bytes{std::max<std::size_t>(running.bytes, 1), what.type->alignment};
        running.out = what.out;
        call apart = what;
        apart.out = running.result.data();
        perform(apart, starts);
        if (!starts) running.finish();
    }

    /// A call whose parts differ.
    void perform_v(call const& what, mpi_request* starts) const {
        auto type = mpi_type(*what.type);
        std::size_t const unit = type == MPI_DATATYPE_NULL ? what.type->size : 1;
        if (type == MPI_DATATYPE_NULL) type = MPI_BYTE;
        mpi_request here;
        mpi_parts& parts = starts ? starts->parts : here.parts;
        MPI_Request* const request = starts ? &starts->request : nullptr;
        parts = {what.counts, size_, unit};
        int const* const counts = parts.counts.data();
        int const* const places = parts.places.data();
        int const mine = counts[rank_];
        bool const root = what.root == rank_;
        void* const out = what.out;
        void const* const in = what.in;
        switch (what.kind) {
        case collective::gather: {
            void const* const brought = root && in_place(what) ? MPI_IN_PLACE : in;
            return check_mpi(request ? MPI_Igatherv(brought, mine, type, out, counts, places, type, what.root, group_, request)
                                     : MPI_Gatherv(brought, mine, type, out, counts, places, type, what.root, group_),
                             "MPI_Gatherv");
        }
        case collective::all_gather: {
            void const* const brought = in_place(what) ? MPI_IN_PLACE : in;
            return check_mpi(request ? MPI_Iallgatherv(brought, mine, type, out, counts, places, type, group_, request)
                                     : MPI_Allgatherv(brought, mine, type, out, counts, places, type, group_),
                             "MPI_Allgatherv");
        }
        case collective::scatter: {
            void* const got = root && in_place(what) ? MPI_IN_PLACE : out;
            return check_mpi(request ? MPI_Iscatterv(in, counts, places, type, got, mine, type, what.root, group_, request)
                                     : MPI_Scatterv(in, counts, places, type, got, mine, type, what.root, group_),
                             "MPI_Scatterv");
        }
        default: {  // reduce_scatter
            auto const operation = mpi_operation(*what.reduce);
            return check_mpi(request ? MPI_Ireduce_scatter(in, out, counts, type, operation, group_, request)
                                     : MPI_Reduce_scatter(in, out, counts, type, operation, group_),
                             "MPI_Reduce_scatter");
        }
        }
    }

    MPI_Comm group_ = MPI_COMM_NULL;
    int rank_ = 0, size_ = 1;
};

}  // namespace tutti::detail
