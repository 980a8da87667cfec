#pragma once

#include <tutti/concepts/call.hpp>
#include <tutti/error.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace tutti::detail {

/// Tells the processor that this is a spin loop.
inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

/// What thread ranks share: one call slot and one state line per rank, the failure that ended the group if one did, and a
/// bell for ranks that sleep. Every atomic but the failure flag has one writer.
///
/// Calls are numbered from 1. In call s every rank fills its slot of parity s % 2 and stores `arrived = s`; a slot is
/// written again only in call s + 2, which a rank enters only after it has seen every peer arrive in s + 1, and so be done
/// with s. Memory that a rank owns itself is touched by peers only between `begin_moving` and `end_moving`.
class thread_group {
public:
    using clock = std::chrono::steady_clock;

    /// Most payload bytes that travel inside the slot, so that a small call needs one round instead of two.
    static constexpr std::size_t eager_bytes = 512 + 32;

    /// What a rank brings to a call: filled before `arrive`, readable by all after it. The first bytes of the payload lie
    /// in the same cache line as the signature.
    struct alignas(64) slot {
        std::atomic<std::uint64_t> arrived{0};
        void const* identity = nullptr;  // the reduction, else the element type
        std::size_t count = 0;
        collective kind = collective::none;
        algorithm_id algorithm = algorithm_id::automatic;
        bool uneven = false;  // parts differ: `counts` says how
        bool lent = false;    // the payload is where the rank's buffers are
        std::int32_t root = -1;
        alignas(32) std::byte payload[eager_bytes];
    };

    /// Where rank `from` shows rank `to` one message at a time: `posted` counts those shown, `taken` those the receiver is done with.
    struct alignas(64) channel {
        std::atomic<std::uint64_t> posted{0};
        std::byte const* data = nullptr;
        element_type const* type = nullptr;
        std::size_t count = 0;
        alignas(64) std::atomic<std::uint64_t> taken{0};
    };

    /// What a rank has started and moves on while it waits for something else. `work` never waits for a peer and does not throw;
    /// `can_work` only looks.
    class background {
    public:
        virtual void work() = 0;
        virtual bool can_work() = 0;

    protected:
        ~background() = default;
    };

    thread_group(int size, std::chrono::milliseconds timeout)
        : size_{size},
          timeout_{timeout},
          spins_{static_cast<unsigned>(size) > std::thread::hardware_concurrency() ? 0 : 1000},
          eager_limit_{size == 2 && spins_ != 0 ? 256 + 32 : eager_bytes},
          slots_(2 * static_cast<std::size_t>(size)),
          states_(static_cast<std::size_t>(size)),
          channels_(states_.size() * states_.size()),
          counts_(4 * channels_.size()) {}

    int size() const { return size_; }
    /// Bytes up to which payloads travel in the slots: two ranks with a core each are sooner through with a second round.
    std::size_t eager_limit() const { return eager_limit_; }

    slot& at(int rank, std::uint64_t sequence) { return slots_[2 * static_cast<std::size_t>(rank) + sequence % 2]; }

    /// Where a rank shows the counts of a call whose parts differ, beside its slot: those it sends, then those it receives.
    std::size_t* counts(int rank, std::uint64_t sequence) {
        return counts_.data() + (2 * static_cast<std::size_t>(rank) + sequence % 2) * 2 * states_.size();
    }

    channel& between(int from, int to) {
        return channels_[static_cast<std::size_t>(from) * states_.size() + static_cast<std::size_t>(to)];
    }

    /// Publishes the slot that the caller has filled.
    void arrive(int rank, std::uint64_t sequence, collective kind) {
        state(rank).doing.store(sequence << 8 | static_cast<std::uint64_t>(kind), std::memory_order_relaxed);
        at(rank, sequence).arrived.store(sequence, std::memory_order_seq_cst);
        ring();
    }
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
        if (revoked_.load(std::memory_order_seq_cst)) {
            cancel_moving(rank);
            fail_call(rank, sequence, what);
        }
    }
    /// Lets peers see that this rank is done with their data of call `sequence`.
    void end_moving(int rank, std::uint64_t sequence) {
        state(rank).moved.store(sequence, std::memory_order_seq_cst);
        cancel_moving(rank);
        ring();
    }
    void cancel_moving(int rank) { state(rank).moving.store(false, std::memory_order_release); }
    bool has_moved(int peer, std::uint64_t sequence) { return state(peer).moved.load(std::memory_order_seq_cst) >= sequence; }
    /// Lets a peer see that a message was posted or taken.
    void advance(std::atomic<std::uint64_t>& count, std::uint64_t value) {
        count.store(value, std::memory_order_seq_cst);
        ring();
    }
    bool revoked() const { return revoked_.load(std::memory_order_seq_cst); }

    /// True when a call begun at `since` will not complete by waiting: the group is revoked, a peer has left, or time is up.
    bool hopeless(clock::time_point since) {
        return revoked() || is_late(since) || std::any_of(states_.begin(), states_.end(), [](auto const& each) {
                   return each.left.load(std::memory_order_seq_cst);
               });
    }

    bool has_left(int rank) { return state(rank).left.load(std::memory_order_seq_cst); }
    /// True when the timeout of a call begun at `since` is over.
    bool is_late(clock::time_point since) const { return clock::now() - since >= timeout_; }

    /// Returns once `peer` has made `ready()` true: spins briefly, then yields, then sleeps. The timeout counts from `since`.
    /// @param behind  moved on after the spin
    /// @throws peer_failed, timeout_error  when that cannot happen any more
    template <class Ready>
    void await(int rank, int peer, std::uint64_t sequence, call const& what, Ready ready, clock::time_point since = {},
               background* behind = nullptr) {
        for (int i = 0; i < spins_; ++i) {
            if (ready()) return;
            relax();
        }
        if (ready()) return;
        await_long(rank, peer, sequence, what, ready, since == clock::time_point{} ? clock::now() : since, behind);
    }

    enum class cause : std::uint8_t { failed, late, disagreed };
    /// Ends the group because of what `origin` did: every later call and every call that still waits throws, quoting `text`.
    /// The first cause stays. Ranks marked in `told` get the exception of the cause, the others `peer_failed`.
    void revoke(int origin, std::string const& text, std::vector<bool> told = {}, cause why = cause::failed) {
        {
            std::lock_guard const lock{mutex_};
            if (revoked_.load(std::memory_order_relaxed)) return;
            origin_ = origin, text_ = text, told_ = std::move(told), cause_ = why;
            revoked_.store(true, std::memory_order_seq_cst);
        }
        bell_.notify_all();
    }
    /// Marks of two ranks.
    std::vector<bool> only(int one, int other) const {
        std::vector<bool> marks(states_.size(), false);
        marks[static_cast<std::size_t>(one)] = marks[static_cast<std::size_t>(other)] = true;
        return marks;
    }
    /// Marks that `rank` makes no more calls: a peer that waits for one is told at once.
    void leave(int rank) {
        state(rank).left.store(true, std::memory_order_seq_cst);
        ring();
    }
    /// The rank whose failure ended the group, or -1.
    int origin() {
        std::lock_guard const lock{mutex_};
        return revoked_.load(std::memory_order_relaxed) ? origin_ : -1;
    }

    /// Leaves call `sequence` by error: waits until no peer can touch this rank's buffers, then throws what ended the group.
    [[noreturn]] void fail_call(int rank, std::uint64_t sequence, call const& what) {
        quiesce();
        std::lock_guard const lock{mutex_};
        if (!told_.empty() && told_[static_cast<std::size_t>(rank)]) {
            if (cause_ == cause::late) throw timeout_error{text_};
            throw collective_mismatch{text_};
        }
        throw peer_failed{"tutti: rank " + std::to_string(rank) + " cannot complete " + describe(what) + numbered(sequence) + ": " +
                          text_};
    }
    /// Waits for the ranks that are moving data. Only after `revoke`: none can begin then.
    void quiesce() {
        for (auto& each : states_)
            while (each.moving.load(std::memory_order_seq_cst)) std::this_thread::yield();
    }

private:
    struct alignas(64) rank_state {
        std::atomic<bool> moving{false};        // while touching peers' memory
        std::atomic<std::uint64_t> doing{0};    // sequence and kind of the last call entered, for messages
        std::atomic<bool> left{false};
        alignas(64) std::atomic<std::uint64_t> moved{0};  // last call done with; peers wait for it, so in a line of its own
    };

    rank_state& state(int rank) { return states_[static_cast<std::size_t>(rank)]; }

    void ring() {
        if (sleepers_.load(std::memory_order_seq_cst) == 0) return;
        { std::lock_guard const lock{mutex_}; }
        bell_.notify_all();
    }

    template <class Ready>
    void await_long(int rank, int peer, std::uint64_t sequence, call const& what, Ready ready, clock::time_point start,
                    background* behind) {
        constexpr auto yielding = std::chrono::milliseconds{2};
        auto const deadline = timeout_ < std::chrono::hours{24 * 365} ? start + timeout_ : clock::time_point::max();
        for (auto now = clock::now();; now = clock::now()) {
            if (behind) behind->work();
            // The order matters: a call that can complete does, whatever has failed since.
            bool const over = revoked();
            bool const gone = has_left(peer);
            if (ready()) return;
            if (over) fail_call(rank, sequence, what);
            if (gone) {
                revoke(peer, "rank " + std::to_string(peer) + " has left (last in " + last_call(peer) + ") while rank " +
                                 std::to_string(rank) + " waits for it in " + describe(what));
                fail_call(rank, sequence, what);
            }
            if (now >= deadline) {
                if (sequence != 0) time_out(rank, sequence, what);
                else
                    revoke(rank,
                           "tutti: " + describe(what) + " timed out on rank " + std::to_string(rank) + " after " +
                               std::to_string(timeout_.count()) + " ms: rank " + std::to_string(peer) + " did not come, last in " +
                               last_call(peer),
                           only(rank, rank), cause::late);
                fail_call(rank, sequence, what);
            }
            if (now - start < yielding) {
                for (int i = 0; i < 16 && !ready(); ++i) std::this_thread::yield();
            } else {
                std::unique_lock lock{mutex_};
                sleepers_.fetch_add(1, std::memory_order_seq_cst);
                auto const nap = std::min(deadline, now + std::chrono::milliseconds{100});
                bell_.wait_until(lock, nap,
                                 [&] { return ready() || revoked() || has_left(peer) || (behind && behind->can_work()); });
                sleepers_.fetch_sub(1, std::memory_order_seq_cst);
            }
        }
    }

    /// Calls of the whole group have a number; messages have not.
    static std::string numbered(std::uint64_t sequence) {
        return sequence == 0 ? std::string{} : " (call " + std::to_string(sequence) + ")";
    }
    std::string last_call(int rank) {
        auto const doing = state(rank).doing.load(std::memory_order_relaxed);
        if (doing == 0) return "no call yet";
        auto const kind = static_cast<collective>(doing & 0xff);
        return std::string{name(kind)} + (kind < collective::send ? ", call " : " after call ") + std::to_string(doing >> 8);
    }
    void time_out(int rank, std::uint64_t sequence, call const& what) {
        std::string text = "tutti: " + describe(what) + numbered(sequence) + " timed out on rank " + std::to_string(rank) +
                           " after " + std::to_string(timeout_.count()) + " ms:";
        std::vector<bool> waited;
        for (int k = 0; k < size_; ++k) {
            waited.push_back(has_arrived(k, sequence));
            text += (k ? "; rank " : " rank ") + std::to_string(k);
            if (!waited.back()) text += " did not arrive, last in " + last_call(k);
            else text += has_moved(k, sequence) ? " is done" : " arrived";
        }
        revoke(rank, text, std::move(waited), cause::late);
    }

    int size_;
    std::chrono::milliseconds timeout_;
    int spins_;
    std::size_t eager_limit_;
    std::vector<slot> slots_;
    std::vector<rank_state> states_;
    std::vector<channel> channels_;
    std::vector<std::size_t> counts_;
    alignas(64) std::atomic<bool> revoked_{false};
    std::atomic<int> sleepers_{0};
    alignas(64) std::mutex mutex_;  // guards what follows, and the bell
    std::condition_variable bell_;
    int origin_ = -1;
    std::string text_;
    std::vector<bool> told_;
    cause cause_ = cause::failed;
};

}  // namespace tutti::detail
