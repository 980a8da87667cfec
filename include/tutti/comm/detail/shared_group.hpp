#pragma once

#include <tutti/comm/detail/bell.hpp>
#include <tutti/comm/detail/group_failure.hpp>
#include <tutti/comm/detail/shared_windows.hpp>
#include <tutti/comm/detail/waiting.hpp>
#include <tutti/concepts/call.hpp>
#include <tutti/detail/aligned_bytes.hpp>
#include <tutti/detail/least_chrono.hpp>
#include <tutti/detail/least_standard.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace tutti::detail {

/// What ranks that reach one another's memory share: one call slot and one state line per rank, and the failure that ended the
/// group if one did. Every atomic but the failure flag has one writer. Ranks are threads, which share one such object, or processes
/// with an object each over the same memory.
///
/// Calls are numbered from 1. In call s every rank fills its slot of parity s % 2 and stores `arrived = s`; a slot is
/// written again only in call s + 2, which a rank enters only after it has seen every peer arrive in s + 1, and so be done
/// with s. Memory that a rank owns itself is touched by peers only between `begin_moving` and `end_moving`.
class shared_group {
public:
    using clock = waiting::clock;
    using cause = group_failure::cause;

    /// Most payload bytes that travel inside the slot, so that a small call needs one round instead of two.
    static constexpr std::size_t eager_bytes = 512 + 32;

    /// What a rank brings to a call: filled before `arrive`, readable by all after it. The first bytes of the payload lie
    /// in the same cache line as the signature.
    struct alignas(64) slot {
        std::atomic<std::uint64_t> arrived{0};
        std::uintptr_t identity = 0;  // of the reduction, else of the element type
        std::size_t count = 0;
        collective kind = collective::none;
        algorithm_id algorithm = algorithm_id::automatic;
        bool uneven : 1 = false;       // parts differ: `counts` says how
        bool lent : 1 = false;         // the payload is where the rank's buffers are
        bool within_reach : 1 = true;  // and peers can reach them
        std::int32_t root = -1;
        alignas(32) std::byte payload[eager_bytes];

        static constexpr std::size_t in_first_line = 32;  // bytes of the payload
    };
    static_assert(sizeof(slot) == 64 - slot::in_first_line + eager_bytes, "the payload begins in the line of the flag");

    /// Where rank `from` shows rank `to` one message of a lane at a time: `posted` counts those shown, `taken` those that the
    /// receiver is done with.
    struct alignas(64) channel {
        std::atomic<std::uint64_t> posted{0};
        std::byte const* data = nullptr;
        element_type const* type = nullptr;
        std::size_t count = 0;
        alignas(64) std::atomic<std::uint64_t> taken{0};
    };

    /// Of threads.
    [[gnu::cold]] shared_group(int size, std::chrono::milliseconds timeout)
        : shared_group{size, timeout, aligned_bytes{bytes(size)}, nullptr} {
        make();
        make_channels();
    }
    /// Of the threads `members` of `whole`, numbered in this order. The two share one failure: what ends one ends the other.
    /// @param whole  the group of a launch, or a part of that; the former outlives this
    [[gnu::cold]] shared_group(shared_group const& whole, std::vector<int> const& members)
        : shared_group{static_cast<int>(members.size()), whole.timeout_} {
        failure_ = whole.failure_;
        wait_as(whole.waiting_);  // the cores are busy with all ranks of the launch
        members_ = members;
        for (int& each : members_) each = whole.rank_of_launch(each);
    }
    /// Of processes: over `bytes(size)` bytes that all of them share, which one of them makes the group in, by `make`, before any
    /// calls another member. Has no channels.
    shared_group(int size, std::chrono::milliseconds timeout, std::byte* memory) : shared_group{size, timeout, {}, memory} {
        // Ranks of one program have its objects at the same distances from one another, but not at the same addresses.
        origin_of_identities_ = reinterpret_cast<std::uintptr_t>(&element_type_of<std::byte>);
    }
    shared_group(shared_group const&) = delete;
    shared_group& operator=(shared_group const&) = delete;

    static std::size_t bytes(int size) {
        auto const p = static_cast<std::size_t>(size);
        return sizeof(group_failure) + 2 * p * sizeof(slot) + p * sizeof(rank_state) + 4 * p * p * sizeof(std::size_t);
    }
    void make() {
        new (failure_) group_failure;
        for (std::size_t k = 0; k < 2 * ranks(); ++k) new (slots_ + k) slot;
        for (std::size_t k = 0; k < ranks(); ++k) new (states_ + k) rank_state;
        wait_as(waiting_);
        std::memset(counts_, 0, 4 * ranks() * ranks() * sizeof *counts_);
    }

    /// What tells a reduction or an element type from others, on all ranks.
    std::uintptr_t identity(call const& what) const {
        void const* const object = what.reduce ? static_cast<void const*>(what.reduce) : what.type;
        return object ? reinterpret_cast<std::uintptr_t>(object) - origin_of_identities_ : 0;
    }

    /// How ranks name their buffers to one another.
    shared_windows& windows() { return windows_; }
    shared_windows const& windows() const { return windows_; }

    int size() const { return size_; }
    /// Before any call.
    void wait_as(waiting const& how) {
        waiting_ = how;
        for (auto& each : std::span{states_, ranks()}) each.waits.spins = how.spins;
    }
    /// For a group whose waiting threads would keep cores from others. Before any call.
    void wait_without_spinning() {
        waiting how = waiting_;
        how.spins = 0;
        wait_as(how);
    }
    /// Bytes up to which payloads travel in the slots: two ranks with a core each are sooner through with a second round.
    std::size_t eager_limit() const { return eager_limit_; }

    slot& at(int rank, std::uint64_t sequence) { return slots_[2 * static_cast<std::size_t>(rank) + sequence % 2]; }

    /// Where a rank shows the counts of a call whose parts differ, beside its slot: those it sends, then those it receives.
    std::size_t* counts(int rank, std::uint64_t sequence) {
        return counts_ + (2 * static_cast<std::size_t>(rank) + sequence % 2) * 2 * ranks();
    }

    /// @param kind  of the lane
    channel& between(int from, int to, std::size_t kind) {
        auto const pair = static_cast<std::size_t>(from) * ranks() + static_cast<std::size_t>(to);
        auto const at = pair * lane::kinds + kind;
        return *std::launder(reinterpret_cast<channel*>(channels_.data() + at * sizeof(channel)));
    }

    /// Publishes the slot that the caller has filled.
    void arrive(int rank, std::uint64_t sequence, collective kind) {
        state(rank).doing.store(sequence << 8 | static_cast<std::uint64_t>(kind), std::memory_order_relaxed);
        at(rank, sequence).arrived.store(sequence, std::memory_order_seq_cst);
        ring(rank);
    }
    /// Wakes the peers that wait for `rank`, which has stored what they wait for.
    void ring(int rank) { state(rank).waited_for.ring(); }
    /// Notes that `rank` is in a call without a number.
    void enter(int rank, collective kind) {
        auto const doing = state(rank).doing.load(std::memory_order_relaxed);
        state(rank).doing.store((doing & ~std::uint64_t{0xff}) | static_cast<std::uint64_t>(kind), std::memory_order_relaxed);
    }
    bool has_arrived(int peer, std::uint64_t sequence) {
        return at(peer, sequence).arrived.load(std::memory_order_seq_cst) == sequence;
    }
    /// From here until `end_moving` or `cancel_moving` no peer of a revoked group lets go of its buffers.
    /// @throws peer_failed or timeout_error when the group is revoked already; nothing may be touched then
    void begin_moving(int rank, std::uint64_t sequence, call const& what) {
        state(rank).moving.store(true, std::memory_order_seq_cst);
        if (revoked()) {
            cancel_moving(rank);
            fail_call(rank, sequence, what);
        }
    }
    /// Lets peers see that this rank is done with their data of call `sequence`.
    void end_moving(int rank, std::uint64_t sequence) {
        state(rank).moved.store(sequence, std::memory_order_seq_cst);
        cancel_moving(rank);
        ring(rank);
    }
    void cancel_moving(int rank) { state(rank).moving.store(false, std::memory_order_release); }
    bool has_moved(int peer, std::uint64_t sequence) { return state(peer).moved.load(std::memory_order_seq_cst) >= sequence; }
    bool revoked() const { return failure_->told(); }

    /// True when a call begun at `since`, which waits for every peer that `lacks(peer)`, will not complete by waiting: the group is
    /// revoked, such a peer has left, or time is up.
    template <class Lacks>
    bool hopeless(clock::time_point since, Lacks lacks) const {
        if (revoked() || is_late(since)) return true;
        for (int peer = 0; peer < size_; ++peer)
            if (has_left(peer) && lacks(peer)) return true;
        return false;
    }
    bool has_left(int rank) const { return state(rank).left.load(std::memory_order_seq_cst); }
    /// True when the timeout of a call begun at `since` is over.
    bool is_late(clock::time_point since) const { return clock::now() - since >= timeout_; }

    /// Returns once `ready()` is true, at once where `peer` has made it so, and rung: spins briefly, then yields, then sleeps. The timeout
    /// counts from `since`.
    /// @param behind  moved on after the spin
    /// @throws peer_failed, timeout_error  when that cannot happen any more
    template <class Ready>
    void await(int rank, int peer, std::uint64_t sequence, call const& what, Ready ready, clock::time_point since = {},
               background* behind = nullptr) {
        if (state(rank).waits.spin(ready)) return;
        await_long(rank, peer, sequence, what, condition{ready}, since, behind);
    }

    marks nobody() const { return {ranks(), false}; }
    marks everyone() const { return {ranks(), true}; }
    marks only(int one, int other) const {
        marks both = nobody();
        both.set(one);
        both.set(other);
        return both;
    }

    /// Ends the group because of what `origin` did: every later call and every call that still waits throws, quoting `text`.
    /// The first cause stays. Ranks marked in `told` get the exception of the cause, in call `only_in` if that is one, the others
    /// `peer_failed`. Returns whether this is the cause.
    [[gnu::cold]] bool revoke(int origin, std::string_view text, marks const& told, cause why = cause::failed,
                              std::uint64_t only_in = 0) {
        if (!failure_->claim()) return false;
        for (std::size_t k = 0; k < ranks(); ++k) states_[k].told = told[k];
        failure_->tell(rank_of_launch(origin), why, only_in, within(text));
        for (auto& each : std::span{states_, ranks()}) each.waited_for.ring();
        return true;
    }
    /// Marks that `rank` makes no more calls: a peer that waits for one is told at once.
    void leave(int rank) {
        state(rank).left.store(true, std::memory_order_seq_cst);
        ring(rank);
    }
    /// The rank of the launch whose failure ended the group, or -1.
    int origin() const { return revoked() ? failure_->origin() : -1; }

    /// Leaves call `sequence` by error: waits until no peer can touch this rank's buffers, then throws what ended the group.
    [[noreturn, gnu::cold]] void fail_call(int rank, std::uint64_t sequence, call const& what) {
        quiesce();
        if (state(rank).told && failure_->concerns(sequence)) {
            if (failure_->why() == cause::late) raise<timeout_error>({failure_->text()});
            raise<collective_mismatch>({failure_->text()});
        }
        give_up(rank, sequence, what, failure_->text());
    }
    /// Waits for the ranks that are moving data. Only after `revoke`: none can begin then.
    void quiesce() {
        for (auto& each : std::span{states_, ranks()})
            while (each.moving.load(std::memory_order_seq_cst)) std::this_thread::yield();
    }

    /// `text`, which numbers ranks, with whom they are in the launch where this group is a part of it.
    [[gnu::cold]] std::string within(std::string_view text) const {
        std::string whole{text};
        for (std::size_t k = 0; k < members_.size(); ++k) append(whole, {k ? ", " : " (in the group of ranks ", members_[k]});
        if (!members_.empty()) append(whole, {" of the launch)"});
        return whole;
    }

    /// What `rank` called in call `sequence`, in words that it has written down for the others.
    [[gnu::cold]] void say(int rank, std::uint64_t sequence, std::string const& text) {
        auto& mine = state(rank);
        mine.said.write(text);
        mine.said_in.store(sequence, std::memory_order_seq_cst);
        ring(rank);
    }
    bool has_said(int rank, std::uint64_t sequence) { return state(rank).said_in.load(std::memory_order_seq_cst) == sequence; }
    std::string_view said(int rank) const { return state(rank).said.read(); }

private:
    struct alignas(64) rank_state {
        std::atomic<bool> moving{false};        // while touching peers' memory
        std::atomic<std::uint64_t> doing{0};    // sequence and kind of the last call entered, for messages
        bell waited_for;                        // on which peers sleep; in a line that this rank has at hand
        std::atomic<bool> left{false};
        bool told = false;                      // written by who revokes the group
        habits waits;                           // this rank's own
        alignas(64) std::atomic<std::uint64_t> moved{0};  // last call done with; peers wait for it, so in a line of its own
        std::atomic<std::uint64_t> said_in{0};
        note<960> said;
    };

    /// @param memory  what the group is in; `own` where that is null
    shared_group(int size, std::chrono::milliseconds timeout, aligned_bytes own, std::byte* memory)
        : size_{size},
          timeout_{std::min<std::chrono::milliseconds>(timeout, std::chrono::hours{24 * 365})},
          own_{std::move(own)},
          failure_{reinterpret_cast<group_failure*>(memory ? memory : own_.data())},
          slots_{reinterpret_cast<slot*>(failure_ + 1)},
          states_{reinterpret_cast<rank_state*>(slots_ + 2 * ranks())},
          counts_{reinterpret_cast<std::size_t*>(states_ + ranks())},
          waiting_{waiting::of(size)} {
        if (size == 2 && waiting_.spins != 0) eager_limit_ = 128 + 32;
    }

    std::size_t ranks() const { return static_cast<std::size_t>(size_); }
    int rank_of_launch(int rank) const { return members_.empty() ? rank : members_[static_cast<std::size_t>(rank)]; }
    void make_channels() {
        std::size_t const channels = ranks() * ranks() * lane::kinds;
        channels_ = aligned_bytes{channels * sizeof(channel)};
        for (std::size_t k = 0; k < channels; ++k) new (channels_.data() + k * sizeof(channel)) channel;
    }
    rank_state& state(int rank) const { return states_[static_cast<std::size_t>(rank)]; }

    /// Goes on where `await` stops to spin.
    [[gnu::cold]] void await_long(int rank, int peer, std::uint64_t sequence, call const& what, condition ready,
                                  clock::time_point start, background* behind) {
        if (start == clock::time_point{}) start = clock::now();
        bool over = false, gone = false;
        auto const ended = [&] {
            over = revoked();
            gone = has_left(peer);
            return over || gone;
        };
        bool const came =
            state(rank).waits.wait(waiting_, state(peer).waited_for, ready, condition{ended}, start, start + timeout_, behind);
        if (came) return;
        if (over) fail_call(rank, sequence, what);
        if (gone) miss(rank, peer, sequence, what);
        time_out(rank, peer, sequence, what);
    }

    /// Ends the group since `peer`, for which `rank` waits, has left.
    [[noreturn, gnu::cold]] void miss(int rank, int peer, std::uint64_t sequence, call const& what) {
        std::string text = joined({"rank ", peer, " has left (last in ", last_call(peer), ")"});
        std::string const seen = text;
        append(text, {" while rank ", rank, " waits for it in ", describe(what)});  // for the others
        if (!revoke(peer, text, nobody())) fail_call(rank, sequence, what);
        quiesce();
        give_up(rank, sequence, what, seen);
    }

    /// Ends the group since `peer` does not come; in a call of the whole group every rank that has arrived is told so.
    [[noreturn, gnu::cold]] void time_out(int rank, int peer, std::uint64_t sequence, call const& what) {
        std::string text = joined({"tutti: ", describe(what)});
        append_number(text, sequence);
        append(text, {" timed out on rank ", rank, " after ", timeout_.count(), " ms:"});
        marks waited = only(rank, rank);
        if (sequence == 0) append(text, {" rank ", peer, " did not come, last in ", last_call(peer)});
        for (int k = 0; sequence != 0 && k < size_; ++k) {
            bool const came = has_arrived(k, sequence);
            waited.set(k, came);
            append(text, {k ? "; rank " : " rank ", k});
            if (came) append(text, {has_moved(k, sequence) ? " is done" : " arrived"});
            else append(text, {" did not arrive, last in ", last_call(k)});
        }
        revoke(rank, text, waited, cause::late);
        fail_call(rank, sequence, what);
    }

    [[noreturn, gnu::cold]] void give_up(int rank, std::uint64_t sequence, call const& what, std::string_view why) const {
        std::string text = joined({"tutti: rank ", rank, " cannot complete ", describe(what)});
        append_number(text, sequence);
        raise<peer_failed>({within(text), ": ", why});
    }
    /// Calls of the whole group have a number; messages have not.
    static void append_number(std::string& text, std::uint64_t sequence) {
        if (sequence != 0) append(text, {" (call ", sequence, ")"});
    }
    [[gnu::cold]] std::string last_call(int rank) const {
        auto const doing = state(rank).doing.load(std::memory_order_relaxed);
        if (doing == 0) return "no call yet";
        auto const kind = static_cast<collective>(doing & 0xff);
        return joined({name(kind), is_message(kind) ? " after call " : ", call ", doing >> 8});
    }

    int size_;
    std::chrono::milliseconds timeout_;
    std::size_t eager_limit_ = eager_bytes;
    aligned_bytes own_;
    group_failure* failure_;
    slot* slots_;
    rank_state* states_;
    std::size_t* counts_;
    aligned_bytes channels_;
    std::vector<int> members_;  // of a part: their ranks in the launch
    shared_windows windows_;
    std::uintptr_t origin_of_identities_ = 0;
    waiting waiting_;
};

}  // namespace tutti::detail
