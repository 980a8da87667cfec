#pragma once

#include <tutti/collectives/automatic.hpp>
#include <tutti/collectives/execute.hpp>
#include <tutti/comm/detail/color.hpp>
#include <tutti/comm/detail/mpi_collectives.hpp>
#include <tutti/comm/detail/mpi_memory.hpp>
#include <tutti/comm/detail/mpi_started.hpp>
#include <tutti/comm/detail/mpi_transfer.hpp>
#include <tutti/comm/detail/mpi_types.hpp>
#include <tutti/comm/detail/shared_group.hpp>
#include <tutti/comm/detail/watchdog.hpp>
#include <tutti/comm/launch.hpp>
#include <tutti/comm/solo.hpp>
#include <tutti/concepts/call.hpp>
#include <tutti/concepts/message_rounds.hpp>
#include <tutti/concepts/pending.hpp>
#include <tutti/concepts/shared_array.hpp>
#include <tutti/detail/least_chrono.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

namespace tutti::comm {

/// Ranks are processes that an MPI launcher started. One object per process and group, used by one thread at a time.
///
/// A collective is MPI's own where MPI has the element type and an operation that does exactly the same; else it runs one of
/// tutti's schedules over MPI's messages. Counts may pass 2^31.
/// On one host, once `allocate` was called, all calls of the group meet as thread ranks do: they are compared, small ones are done by
/// that, and large ones on such memory in place; the rest is MPI's.
/// Errors: what MPI reports is thrown as `error` with MPI's text. An exception that leaves the body of `launch` ends the job
///         with its text, and so does a call that takes longer than the timeout: MPI has no way to tell the peers more. Calls that do
///         not match are MPI's to notice; `comm::checked` always does.
/// Order:  results are equal on all ranks. MPI's own sums are taken in an order of its own; the others in rank order, or, where
///         the operation is known to commute, in one that does not differ between ranks.
class mpi {
public:
    /// A group of the ranks of `adopted`, whose messages stay apart from those of others. Collective.
    /// MPI must be initialised, and finalised only after the end of this object. MPICH reports errors of messages by the error
    /// handler of MPI_COMM_WORLD, which `launch` sets and this leaves alone.
    /// @param timeout  longest wait for a peer in one call
    [[gnu::cold]] explicit mpi(MPI_Comm adopted, std::chrono::milliseconds timeout = launch_options{}.timeout) {
        detail::check_mpi(MPI_Comm_dup(adopted, &group_), "MPI_Comm_dup");
        find_place();
        watchdog_ = std::make_shared<detail::watchdog>(detail::joined({"rank ", rank_, " of ", size_}), timeout);
    }
    mpi(mpi const&) = delete;
    mpi& operator=(mpi const&) = delete;
    [[gnu::cold]] ~mpi() {
        int finalized = 0;
        MPI_Finalized(&finalized);
        if (finalized) return;
        memory_.reset();
        MPI_Comm_free(&group_);
    }

    int rank() const { return rank_; }
    int size() const { return size_; }
    /// MPI's handle, to call MPI by hand: a duplicate of what was adopted.
    MPI_Comm native() const { return group_; }

    /// Performs one collective, after all those started before it. Collective.
    /// @throws error  when MPI reports one; what the call's operation throws
    void perform(call const& what) {
        if (perform_without_messages(what)) return;
        if (resting_) return resting_->perform(what);
        detail::watchdog::watched const watched{*watchdog_, what};
        if (native_.has(what)) return native_.perform(what);
        detail::execution<> under_way{what, schedule_of(what)};
        for (auto round = under_way.next(); !round.empty(); round = under_way.next()) exchange_now(round, under_way.what());
    }

    /// The same where the kind and the types are known, and parts do not differ: what MPI has for these needs no schedules, which
    /// take long to compile.
    template <collective Kind, class T, class Operation>
    [[gnu::always_inline]] void perform(call const& what) {
        // Of a small call by MPI little more is left than MPI's part.
        if constexpr (detail::mpi_collectives::has_most<Kind, T, Operation>()) {
            if (by_itself_ && !memory_ && started_->empty() && native_.has_typed<Kind, T>(what)) [[likely]] {
                detail::watchdog::watched const watched{*watchdog_, what};
                return native_.perform_typed<Kind, T>(what);
            }
        }
        call const copy = what;  // in memory only on this path
        if constexpr (detail::mpi_collectives::has_all<Kind, T, Operation>()) perform_natively<Kind>(copy);
        else perform(copy);
    }

    /// Starts one collective; any number may be under way. Collective. What MPI does itself goes on by itself; the rest makes
    /// progress in `wait` and `ready` of anything that was started, and in every other call, of this group and of those that it was
    /// split from or into, but for another group's collective that is MPI's own.
    /// @param operation  keeps alive what `what.operation` points to
    pending start(call const& what, std::shared_ptr<void const> operation) {
        auto* const request = new detail::mpi_started{place(), what, std::move(operation)};
        pending result{std::unique_ptr<pending::request>{request}};
        if (native_.has(what)) request->start_natively();
        else request->start_schedule(std::make_unique<detail::execution<>>(what, schedule_of(what)), turn_++);
        return result;
    }

    /// Starts one collective that a schedule makes, whose rounds these are; any number may be under way. Collective.
    /// @param kept  keeps alive what `what` points to besides its buffers
    pending start_schedule(call const& what, std::unique_ptr<message_rounds> rounds, std::shared_ptr<void const> kept) {
        auto* const request = new detail::mpi_started{place(), what, std::move(kept)};
        pending result{std::unique_ptr<pending::request>{request}};
        request->start_schedule(std::move(rounds), turn_++);
        return result;
    }

    /// Returns when this rank has done its share of what was started on this group, as every other collective does first: a rank
    /// that waits within MPI for another group does nothing for those that wait for its share. Collective.
    void finish_started() {
        auto const* const first = started_->schedule_of(group_);
        if (!first) return;
        detail::watchdog::watched const watched{*watchdog_, first->what()};
        while (started_->schedule_of(group_)) started_->progress();
    }

    /// Compares nothing: MPI's messages carry no more than their length.
    static void announce(call const& /*what*/) {}

    /// Sends and receives the messages of `round` at the same time. Returns when all are complete.
    /// @throws collective_mismatch  on the receiver, when a message has another length than it expects
    void exchange(std::span<message const> round, call const& what) {
        detail::watchdog::watched const watched{*watchdog_, what};
        exchange_now(round, what);
    }

    /// Starts the messages of `round`; those between the same two ranks arrive in order of issue, started or not. Local.
    /// @param kept  keeps alive the operation that `what` points to
    pending start_exchange(std::span<message const> round, call const& what, std::shared_ptr<void const> kept) {
        auto* const request = new detail::mpi_started{place(), what, std::move(kept)};
        pending result{std::unique_ptr<pending::request>{request}};
        request->start_messages(round);
        return result;
    }

    /// Starts rounds of messages, of which each begins when the one before is complete. Local.
    pending start_rounds(std::unique_ptr<message_rounds> rounds) {
        auto* const request = new detail::mpi_started{place(), rounds->what(), nullptr};
        pending result{std::unique_ptr<pending::request>{request}};
        request->start_rounds(std::move(rounds));
        return result;
    }

    /// Ends the job, with `text`.
    [[noreturn]] void abort(std::string const& text) { end_job(detail::joined({"rank ", rank_, " aborted: ", text})); }

    /// The ranks that give the same `color` become a group, in the order of `key`, then of rank. Collective.
    /// @param color  0 or more
    /// @throws usage_error  when it is not
    mpi split(int color, int key = 0) {
        detail::check_color(color);
        finish_started();
        detail::watchdog::watched const watched{*watchdog_, {.kind = collective::split}};
        MPI_Comm part = MPI_COMM_NULL;
        detail::check_mpi(MPI_Comm_split(group_, color, key, &part), "MPI_Comm_split");
        return mpi{part, watchdog_, started_, resting_.get()};
    }
    /// The ranks of one host, which share memory, become a group. Collective.
    mpi split_by_host() {
        finish_started();
        detail::watchdog::watched const watched{*watchdog_, {.kind = collective::split_by_host}};
        MPI_Comm part = MPI_COMM_NULL;
        detail::check_mpi(MPI_Comm_split_type(group_, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &part), "MPI_Comm_split_type");
        return mpi{part, watchdog_, started_, resting_.get()};
    }

    /// All ranks become another group, which another thread of this process may use while this one goes on: neither moves what was
    /// started on the other. A thread that waits in it leaves the core to others. Collective.
    /// @pre `can_detach()`
    mpi detach() {
        finish_started();
        MPI_Comm same = MPI_COMM_NULL;
        {
            detail::watchdog::watched const watched{*watchdog_, {.kind = collective::detach}};
            detail::check_mpi(MPI_Comm_dup(group_, &same), "MPI_Comm_dup");
        }
        detached_calls const like{*this};
        return mpi{same, std::make_shared<detail::watchdog>(detail::joined({"rank ", rank_, " of ", size_}), watchdog_->timeout()),
                   std::make_shared<detail::mpi_under_way>(), &like};
    }
    /// Whether MPI lets two threads of every process call it: MPI_THREAD_MULTIPLE, as `launch_options::detachable` asks for.
    /// Collective.
    bool can_detach() {
        finish_started();
        detail::watchdog::watched const watched{*watchdog_, {.kind = collective::detach}};
        int level = MPI_THREAD_SINGLE, least = level;
        detail::check_mpi(MPI_Query_thread(&level), "MPI_Query_thread");
        detail::check_mpi(MPI_Allreduce(&level, &least, 1, MPI_INT, MPI_MIN, group_), "MPI_Allreduce");
        return least == MPI_THREAD_MULTIPLE;
    }

    /// `size` elements for each rank in memory that all ranks of the host see: collectives on it, in and out, are done in place as by
    /// thread ranks. On several hosts it is ordinary memory. Collective, and so is the end of the array's life, before which what was
    /// started has to be over.
    /// @throws usage_error  on every rank, when sizes differ
    template <class T>
    shared_array<T> allocate(std::size_t size) {
        static_assert(std::is_trivially_copyable_v<T>, "tutti: allocate<T>: elements of shared memory must be trivially copyable");
        finish_started();
        detail::watchdog::watched const watched{*watchdog_, {.kind = collective::allocate}};
        std::uint64_t bounds[] = {size, ~std::uint64_t{size}};
        detail::check_mpi(MPI_Allreduce(MPI_IN_PLACE, bounds, 2, MPI_UINT64_T, MPI_BAND, group_), "MPI_Allreduce");
        if (bounds[0] != size || bounds[1] != ~std::uint64_t{size})
            detail::raise<usage_error>({"tutti: allocate: rank ", rank_, " asks for ", size, " elements, and another rank for another number"});
        if (!on_one_host()) return detail::heap_array<T>(size);
        if (!memory_) memory_.reset(new detail::mpi_memory{group_, rank_, size_, watchdog_->timeout(), started_calls_});
        auto [memory, data] = memory_->allocate(size * sizeof(T));
        T* const first = reinterpret_cast<T*>(data);
        std::uninitialized_value_construct_n(first, size);
        return {std::move(memory), first, size};
    }

    /// Runs `body(world)` on the processes of the job; see `tutti::launch`. Initialises MPI unless it is; what this has initialised
    /// is finalised when the process ends.
    /// @throws usage_error  on every rank: `options.ranks` is another number than the launcher has started
    template <class Body>
    static void launch(launch_options const& options, Body&& body) {
        initialise(options.detachable);
        mpi world{MPI_COMM_WORLD, options.timeout};
        if (options.ranks && *options.ranks != world.size())
            detail::raise<usage_error>({"tutti: launch needs ", *options.ranks, " ranks, and MPI has started ", world.size(),
                                        "; start the program by mpirun -np ", *options.ranks, ", of the MPI that it was compiled with"});
        try {
            body(world);
        } catch (std::exception const& problem) {
            if (world.size() == 1) throw;
            world.end_job(detail::joined({"rank ", world.rank(), " threw: ", problem.what()}));
        } catch (...) {
            if (world.size() == 1) throw;
            world.end_job(detail::joined({"rank ", world.rank(), " threw something that is no std::exception"}));
        }
    }

private:
    /// Collectives of a detached group. Apart from what they are, which few programs need.
    class resting_calls {
    public:
        virtual ~resting_calls() = default;
        virtual void perform(call const& what) = 0;
        virtual std::unique_ptr<resting_calls> of(mpi& world) const = 0;
    };
    class detached_calls final : public resting_calls {
    public:
        explicit detached_calls(mpi& world) : world_{world} {}
        std::unique_ptr<resting_calls> of(mpi& world) const override { return std::make_unique<detached_calls>(world); }
        /// Sums go by tutti's schedules: MPI's that are started may send all one way, and then all the other way.
        void perform(call const& what) override {
            detail::watchdog::watched const watched{*world_.watchdog_, what};
            if (reduces(what.kind) || !world_.native_.has(what)) {
                detail::execution<> under_way{what, world_.schedule_of(what)};
                for (auto round = under_way.next(); !round.empty(); round = under_way.next())
                    world_.exchange_now(round, under_way.what());
                return;
            }
            detail::mpi_request running;
            world_.native_.perform(what, &running);
            for (detail::mpi_pause pause{true};; pause()) {
                int complete = 0;
                detail::check_mpi(MPI_Test(&running.request, &complete, MPI_STATUS_IGNORE), "MPI_Test");
                if (complete) return;
                world_.started_->progress();
            }
        }

    private:
        mpi& world_;
    };

    detail::mpi_started::place place() { return {group_, native_, *started_, *watchdog_, resting_ != nullptr}; }

    mpi(MPI_Comm own, std::shared_ptr<detail::watchdog> watchdog, std::shared_ptr<detail::mpi_under_way> running,
        resting_calls const* like)
        : group_{own},
          resting_{like ? like->of(*this) : nullptr},
          watchdog_{std::move(watchdog)},
          started_{std::move(running)} {
        find_place();
    }
    void find_place() {
        MPI_Comm_set_errhandler(group_, MPI_ERRORS_RETURN);
        MPI_Comm_rank(group_, &rank_);
        MPI_Comm_size(group_, &size_);
        native_ = {group_, rank_, size_};
        by_itself_ = size_ > 1 && !resting_;
    }

    /// Performs a call that MPI has all of its kind of.
    template <collective Kind>
    [[gnu::noinline]] void perform_natively(call const& what) {
        if (perform_without_messages(what)) return;
        if (resting_) return resting_->perform(what);
        detail::watchdog::watched const watched{*watchdog_, what};
        native_.perform_one<Kind>(what);
    }
    /// Finishes what was started, then performs the call if there is nobody to send to, or all data in shared memory.
    bool perform_without_messages(call const& what) {
        finish_started();
        if (size_ == 1) return solo::perform(what), true;
        return memory_ && memory_->perform(what);
    }

    /// Whether all ranks share memory. Collective the first time.
    bool on_one_host() {
        if (on_one_host_ != answer::unknown) return on_one_host_ == answer::yes;
        MPI_Comm host = MPI_COMM_NULL;
        detail::check_mpi(MPI_Comm_split_type(group_, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &host), "MPI_Comm_split_type");
        int ranks = 0;
        MPI_Comm_size(host, &ranks);
        MPI_Comm_free(&host);
        int least = ranks;
        detail::check_mpi(MPI_Allreduce(&ranks, &least, 1, MPI_INT, MPI_MIN, group_), "MPI_Allreduce");
        on_one_host_ = least == size_ ? answer::yes : answer::no;
        return least == size_;
    }

    [[gnu::cold]] static void initialise(bool by_two_threads) {
        int already = 0;
        MPI_Initialized(&already);
        if (already) return;
        int level = 0;
        detail::check_mpi(MPI_Init_thread(nullptr, nullptr, by_two_threads ? MPI_THREAD_MULTIPLE : MPI_THREAD_SERIALIZED, &level),
                          "MPI_Init_thread");
        MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);  // MPICH asks it about requests of any group
        std::atexit([] {
            int finalized = 0;
            MPI_Finalized(&finalized);
            if (!finalized) MPI_Finalize();
        });
    }

    [[noreturn, gnu::cold]] void end_job(std::string const& text) {
        std::fprintf(stderr, "tutti: %s; this ends the job\n", text.c_str());
        std::fflush(nullptr);
        std::this_thread::sleep_for(std::chrono::milliseconds{200});  // a launcher that is told to end first drops the text
        MPI_Abort(MPI_COMM_WORLD, 1);
        std::_Exit(1);
    }

    void exchange_now(std::span<message const> round, call const& what) {
        transfer_.begin(group_, round, what);
        if (started_->empty() && !resting_) return transfer_.wait(what);
        for (detail::mpi_pause pause{resting_ != nullptr}; !transfer_.test(what); pause()) started_->progress();
    }

    /// What to run where MPI has no such type or operation.
    rank_schedule schedule_of(call const& what) const {
        return detail::chosen_steps(detail::choose_for_messages(what, size_), what, rank_, size_);
    }

    /// What was started, which MPI moves on only when it is asked to, while this rank waits in shared memory.
    class in_background final : public detail::background {
    public:
        explicit in_background(mpi& world) : world_{world} {}
        bool work() override {
            world_.started_->progress();
            return !world_.started_->empty();
        }

    private:
        mpi& world_;
    };

    MPI_Comm group_ = MPI_COMM_NULL;
    int rank_ = 0, size_ = 1;
    std::unique_ptr<resting_calls> resting_;  // of a detached group, whose thread is not the one that computes
    bool by_itself_ = false;                  // has peers, and MPI waits for them
    detail::mpi_collectives native_;
    in_background started_calls_{*this};
    std::shared_ptr<detail::watchdog> watchdog_;
    std::unique_ptr<detail::mpi_meeting_place> memory_;  // null until `allocate`
    enum class answer : char { unknown, no, yes } on_one_host_ = answer::unknown;
    std::shared_ptr<detail::mpi_under_way> started_ = std::make_shared<detail::mpi_under_way>();
    unsigned turn_ = 0;  // of the next started call that a schedule makes
    detail::mpi_transfer transfer_;  // of blocking calls
};

}  // namespace tutti::comm
