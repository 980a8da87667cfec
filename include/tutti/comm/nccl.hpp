#pragma once

#include <tutti/collectives/broadcast.hpp>
#include <tutti/collectives/make_call.hpp>
#include <tutti/comm/detail/host_hooks.hpp>
#include <tutti/comm/detail/nccl_handle.hpp>
#include <tutti/comm/detail/nccl_types.hpp>
#include <tutti/comm/launch.hpp>
#include <tutti/comm/threads.hpp>
#include <tutti/concepts/call.hpp>
#include <tutti/concepts/communicator.hpp>
#include <tutti/concepts/memory_space.hpp>
#include <tutti/concepts/pending.hpp>
#include <tutti/detail/cuda.hpp>
#include <tutti/detail/least_chrono.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace tutti::comm {

/// How a rank comes to its device.
struct nccl_options {
    std::optional<int> device{};                                   ///< empty: as many as the rank's place among those of its host
    std::chrono::milliseconds timeout = launch_options{}.timeout;  ///< longest wait in one call
};

/// Each rank works on a device of its own and reaches device memory alone. It is made from a communicator of the host's, over which
/// ranks meet and learn of failures: `launch` starts threads; on processes, `comm::nccl world{host}` in the body of an MPI launch.
/// One object per rank, used by that rank alone.
///
/// Calls are enqueued in `stream()`, in their order, after all that is in it: so kernels of that stream may fill what a call sends.
/// A call returns when the stream is through with it; what was started, once enqueued: kernels enqueued after it see its result
/// without `wait`. Elsewhere a started message waits for nothing but its peer; here it also keeps back what comes after it in the
/// stream. Of several communicators on the same devices, one at a time may have calls under way: NCCL demands one order everywhere.
/// Errors: what NCCL finds while calls are under way is thrown as `peer_failed` with its text, and ends the group; a call that
///         takes too long is a `timeout_error`. Calls that are not started are compared where the host's communicator compares;
///         started ones and messages are not, and those that do not match time out, at best.
/// Order:  results are equal on all ranks; sums are taken in NCCL's order. An average takes each element times 1/p before it sums:
///         exact where p is a power of two, else a rounding per rank.
/// Not tested on a device yet: only what happens without one.
class nccl {
public:
    /// The ranks of `host`, each with a device. Collective.
    /// @param host  outlives this object; is not used otherwise while a call of this one is under way
    /// @throws usage_error  when a host has more ranks than devices;  error  with CUDA's or NCCL's text;  as a call of `host`
    template <communicator Host>
    explicit nccl(Host& host, nccl_options const& options = {})
        : rank_{host.rank()},
          size_{host.size()},
          timeout_{options.timeout},
          host_{detail::hooks_of(host)},
          device_{options.device ? *options.device : device_among(host)} {
        detail::check_cuda(cudaSetDevice(device_), "cudaSetDevice");
        stream_.emplace();
        ncclUniqueId id{};
        if (rank_ == 0) {
            if (auto const code = ncclGetUniqueId(&id); code != ncclSuccess)
                detail::raise<error>({"tutti: ncclGetUniqueId: ", handle_.text(code)});
        }
        id = broadcast(host, id, 0);
        call const what{};
        check(handle_.begin(id, rank_, size_), "ncclCommInitRankConfig", what);
        await(what, [&] { return handle_.state() == ncclSuccess; });
    }
    nccl(nccl const&) = delete;
    nccl& operator=(nccl const&) = delete;
    ~nccl() {
        if (std::uncaught_exceptions() > exceptions_) return;  // the handle aborts, and lets no rank wait for this one
        handle_.finish(timeout_, [&] { return host_.has_ended(); });
    }

    int rank() const { return rank_; }
    int size() const { return size_; }
    static constexpr bool reaches(memory_space where) { return where == memory_space::device; }
    int device() const { return device_; }
    /// In which calls are enqueued: this rank's own.
    cudaStream_t stream() const { return stream_->get(); }
    /// NCCL's handle, to call NCCL by hand: it never blocks.
    ncclComm_t native() const { return handle_.get(); }

    /// How many devices this host has.
    /// @throws error  with CUDA's text, where there is none
    static int devices() {
        int count = 0;
        detail::check_cuda(cudaGetDeviceCount(&count), "cudaGetDeviceCount");
        return count;
    }

    /// Performs one collective. Collective.
    /// @throws usage_error  when NCCL has no such collective, type or operation, or a buffer is on the host
    /// @throws collective_mismatch, peer_failed, timeout_error;  error  with CUDA's or NCCL's text
    void perform(call const& what) {
        check_collective(what);
        announce(what);
        enqueue(what);
        finish(what);
    }
    template <collective Kind, class T, class Operation>
    void perform(call const& what) {
        static_assert(detail::has_nccl_collective(Kind),
                      "tutti: comm::nccl has all_reduce, reduce, reduce_scatter, all_gather, broadcast, and messages between two "
                      "ranks: make this collective of those, or call it on the host");
        if constexpr (detail::has_nccl_collective(Kind) && reduces(Kind))
            static_assert(detail::has_nccl_type(element_type_of<T>) && detail::has_nccl_operation(reduction_of<T, Operation>),
                          "tutti: NCCL folds integers of 1, 4 and 8 bytes, half, bfloat16, float and double, by plus, multiplies, "
                          "minimum, maximum and, where they are no integers, average: reduce other elements on the host");
        perform(what);
    }

    /// Starts one collective: it is enqueued, and goes on by itself. Collective.
    pending start(call const& what, std::shared_ptr<void const> const& /*kept*/) {
        check_collective(what);
        enqueue(what);
        return pending{std::make_unique<started>(*this, what)};
    }

    /// Compares the call with the peers', where the host's communicator does. Collective.
    void announce(call const& what) {
        check_alive(what);
        host_.announce(what);
    }

    /// Sends and receives the messages of `round` at the same time. Returns when all are complete on this rank: a message that was
    /// sent may still be on its way.
    void exchange(std::span<message const> round, call const& what) {
        enqueue(round, what);
        finish(what);
    }
    pending start_exchange(std::span<message const> round, call const& what, std::shared_ptr<void const> const& /*kept*/) {
        enqueue(round, what);
        return pending{std::make_unique<started>(*this, what)};
    }

    /// Ends the group as the host's communicator does: by `peer_failed` with `text` from every call of every rank, under way or
    /// later, on threads; with the job, on MPI. Local.
    void abort(std::string const& text) {
        handle_.abort();
        host_.abort(text);
    }

    /// Runs `body(world)` on thread ranks of this process, each with a device; see `tutti::launch`. As many ranks as devices,
    /// unless the options say otherwise.
    template <class Body>
    static void launch(launch_options const& options, Body&& body) {
        launch_options with_devices = options;
        if (!options.ranks) with_devices.ranks = devices();
        threads::launch(with_devices, [&](threads& host) {
            nccl world{host, {.timeout = options.timeout}};
            body(world);
        });
    }

private:
    /// A call that is in the stream.
    class started final : public pending::request {
    public:
        started(nccl& world, call const& what) : world_{world}, what_{what}, done_{world.stream()} {}
        void wait() override {
            world_.await(what_, [&] { return done_.passed(); });
        }
        bool ready() override {
            bool passed = false;
            world_.ending_if_it_throws([&] {
                passed = done_.passed();
                if (!passed) world_.look(what_);
            });
            return passed;
        }

    private:
        nccl& world_;
        call what_;
        detail::cuda_event done_;
    };

    template <class Host>
    static int device_among(Host& host) {
        int place = host.rank(), ranks = place + 1;
        if constexpr (requires { host.split_by_host(); }) {
            auto const here = host.split_by_host();
            place = here.rank(), ranks = here.size();
        }
        int const count = devices();
        if (ranks > count)
            detail::raise<usage_error>(
                {"tutti: comm::nccl: a host of ", ranks, " ranks has ", count, " devices, and each rank needs one"});
        return place;
    }

    void check_collective(call const& what) const {
        if (!detail::has_nccl_collective(what.kind) || what.counts)
            detail::raise<usage_error>({"tutti: ", describe(what), ": comm::nccl has no such collective"});
        if (what.reduce && !(detail::has_nccl_type(*what.type) && detail::has_nccl_operation(*what.reduce)))
            detail::raise<usage_error>({"tutti: ", describe(what), ": NCCL does not fold such elements by such an operation"});
        bool const at_root = what.root < 0 || what.root == rank_;
        if (what.kind != collective::broadcast) check_on_device(what.in, what);
        if (what.kind != collective::reduce || at_root) check_on_device(what.out, what);
    }
    /// NCCL would read elsewhere, or hang.
    void check_on_device(void const* data, call const& what) const {
        if (what.count == 0) return;
        cudaPointerAttributes found{};
        detail::check_cuda(cudaPointerGetAttributes(&found, data), "cudaPointerGetAttributes");
        if (found.type != cudaMemoryTypeDevice && found.type != cudaMemoryTypeManaged)
            detail::raise<usage_error>(
                {"tutti: ", describe(what), ": rank ", rank_, " brings a buffer that lies elsewhere"});
    }
    void check_alive(call const& what) {
        look(what);
        if (!handle_.alive())
            detail::raise<peer_failed>({"tutti: rank ", rank_, " cannot begin ", describe(what), ": the group has ended"});
    }

    /// Lets NCCL put the call in the stream. What it only moves travels as bytes.
    void enqueue(call const& what) {
        check_alive(what);
        if (what.bytes() == 0) return;
        auto const folded = [&] { return detail::nccl_type(*what.type); };
        auto const operation = [&] {
            return detail::nccl_operation(*what.reduce, what.operation == static_cast<void const*>(&detail::sum_of_average));
        };
        auto const comm = handle_.get();
        switch (what.kind) {
        case collective::all_reduce:
            return check(ncclAllReduce(what.in, what.out, what.count, folded(), operation(), comm, stream()), "ncclAllReduce",
                         what);
        case collective::reduce:
            return check(ncclReduce(what.in, what.out, what.count, folded(), operation(), what.root, comm, stream()), "ncclReduce",
                         what);
        case collective::reduce_scatter:
            return check(ncclReduceScatter(what.in, what.out, what.count, folded(), operation(), comm, stream()),
                         "ncclReduceScatter", what);
        case collective::all_gather:
            return check(ncclAllGather(what.in, what.out, what.bytes(), ncclUint8, comm, stream()), "ncclAllGather", what);
        default:
            return check(ncclBroadcast(what.out, what.out, what.bytes(), ncclUint8, what.root, comm, stream()), "ncclBroadcast",
                         what);
        }
    }
    void enqueue(std::span<message const> round, call const& what) {
        check_alive(what);
        for (message const& each : round) {
            if (each.what != message::action::send && each.what != message::action::receive)
                detail::raise<usage_error>({"tutti: ", describe(what), ": comm::nccl does not fold what it receives"});
            if (each.count != 0) check_on_device(each.data, what);
        }
        ending_if_it_throws([&] {
            throw_if_failed(ncclGroupStart(), "ncclGroupStart");
            ncclResult_t first = ncclSuccess;
            for (message const& each : round) {
                std::size_t const bytes = each.count * what.type->size;
                if (bytes == 0) continue;
                auto const code = each.what == message::action::send
                                      ? ncclSend(each.data, bytes, ncclUint8, each.peer, handle_.get(), stream())
                                      : ncclRecv(each.data, bytes, ncclUint8, each.peer, handle_.get(), stream());
                if (first == ncclSuccess && code != ncclInProgress) first = code;
            }
            auto const ended = ncclGroupEnd();  // whatever came before, so that the thread leaves the group
            throw_if_failed(first, "a message of ncclGroupStart");
            throw_if_failed(ended, "ncclGroupEnd");
        });
        await(what, [&] { return handle_.state() == ncclSuccess; });
    }

    /// Returns when the stream has come to the end of the call.
    void finish(call const& what) {
        std::optional<detail::cuda_event> done;
        ending_if_it_throws([&] { done.emplace(stream()); });
        await(what, [&] { return done->passed(); });
    }

    void throw_if_failed(ncclResult_t code, char const* function) const {
        if (code != ncclSuccess && code != ncclInProgress)
            detail::raise<error>({"tutti: rank ", rank_, ": ", function, ": ", handle_.text(code)});
    }
    /// Ends the group unless NCCL has taken the call; waits until it has.
    void check(ncclResult_t code, char const* function, call const& what) {
        ending_if_it_throws([&] { throw_if_failed(code, function); });
        if (code == ncclInProgress) await(what, [&] { return handle_.state() == ncclSuccess; });
    }

    static std::string in_words(call const& what) {
        return what.kind == collective::none ? "the making of a group by NCCL" : describe(what);
    }
    /// Throws what has ended the group, if anything has.
    void look(call const& what) {
        host_.look(what);
        auto const state = handle_.alive() ? handle_.state() : ncclSuccess;
        if (state == ncclSuccess || state == ncclInProgress) return;
        auto const text =
            detail::joined({"tutti: rank ", rank_, " cannot complete ", in_words(what), ": NCCL: ", handle_.text(state)});
        if (state == ncclUnhandledCudaError || state == ncclInvalidArgument || state == ncclInvalidUsage) throw error{text};
        throw peer_failed{text};
    }
    /// Returns once `over()`; else it ends the group, and throws why.
    template <class Over>
    void await(call const& what, Over over) {
        ending_if_it_throws([&] {
            bool const in_time = detail::wait_at_most(timeout_, [&] {
                if (over()) return true;
                look(what);
                return false;
            });
            if (!in_time)
                detail::raise<timeout_error>({"tutti: ", in_words(what), " timed out on rank ", rank_, " after ", timeout_.count(),
                                              " ms: its device is not through with it"});
        });
    }
    /// Does it; where it throws, no rank waits for this one any more.
    template <class Step>
    void ending_if_it_throws(Step step) {
        try {
            step();
        } catch (std::exception const& problem) {
            handle_.abort();
            host_.tell(problem.what());
            throw;
        }
    }

    int exceptions_ = std::uncaught_exceptions();
    int rank_, size_;
    std::chrono::milliseconds timeout_;
    detail::host_hooks host_;
    int device_;
    std::optional<detail::cuda_stream> stream_;
    detail::nccl_handle handle_;
};

}  // namespace tutti::comm
