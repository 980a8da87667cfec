#pragma once

#include <tutti/collectives/automatic.hpp>
#include <tutti/comm/detail/host_layout.hpp>
#include <tutti/comm/launch.hpp>
#include <tutti/concepts/call.hpp>
#include <tutti/concepts/communicator.hpp>
#include <tutti/concepts/message_rounds.hpp>
#include <tutti/concepts/pending.hpp>
#include <tutti/concepts/shared_array.hpp>
#include <tutti/detail/copy_bytes.hpp>

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace tutti::comm {

/// Performs and starts calls of its own, can be split into groups of its kind, by host too, and gives memory that the ranks of a
/// host share: what `hierarchical` needs of the communicator below it.
template <class Comm>
concept knows_hosts = communicator<Comm> && performs_collectives<Comm> && starts_collectives<Comm> && gives_memory<Comm> &&
                      requires(Comm& world) {
                          { world.split(0, 0) } -> std::same_as<Comm>;
                          { world.split_by_host() } -> std::same_as<Comm>;
                      };

/// A communicator of ranks on several hosts, around one that knows of them, such as `mpi`: all_reduce, reduce, broadcast and
/// barrier are made in the memory that the ranks of a host share, and between hosts by groups that have one rank of each. Rank k
/// of every host is in lane k; there are as many lanes as the host with fewest ranks has. Above 4 KiB each lane carries its slice
/// of the data, so that all of a host's ranks feed its network at once; up to that, one lane carries all. Hosts may have different
/// numbers of ranks, in any order. One object per rank and group.
///
/// All else is the wrapped communicator's: other collectives, since two levels send no fewer bytes between hosts than a good one;
/// started ones, which nobody would carry from one level to the next; messages; and every call of a group that is on one host,
/// where it meets in shared memory, or that has one rank on each. So are elements beyond 1 MiB or aligned beyond a page, and a
/// reduction that is not known to commute where the ranks of a host do not follow one another.
/// Errors: what the wrapped communicator throws. Calls that do not match are told to the ranks of one host; those of others may
///         wait until that ends the job, or time is up. `checked<hierarchical<Comm>>` tells all.
/// Cost:   all_reduce of n bytes, m hosts, q lanes: n bytes copied into the window, folded, and copied out of windows per rank,
///         and an all_reduce of n/q bytes among m ranks in each lane, in pieces of at most 16 MiB of input; a window per rank that
///         has grown to the largest piece so far. A lane's all_reduce above 64 KiB is `algorithm::two_shot`, on more than 8 hosts
///         `algorithm::ring`: no link carries more than 2(m - 1)/m n, which is the least there is, for any number of hosts
/// Order:  results are equal on all ranks. A host's ranks are folded in rank order, hosts in the order of whatever folds them
/// Source: all_reduce: Cho et al. 2019, doi 10.1147/JRD.2019.2947013; lanes: Träff 2019, arXiv:1910.13373;
///         broadcast: Karonis et al. 2000, IPDPS, pages 377-384
template <communicator Comm>
class hierarchical {
    static_assert(knows_hosts<Comm>,
                  "tutti: hierarchical<Comm> needs a communicator that performs and starts collectives and has split, "
                  "split_by_host and allocate, such as tutti::comm::mpi");

public:
    /// Bytes of each rank that are on their way at once, and so the most that its window takes.
    static constexpr std::size_t default_piece_bytes = std::size_t{16} << 20;
    /// Bytes up to which one lane carries all, since the number of messages counts more than their length.
    static constexpr std::size_t one_lane_bytes = 4096;
    /// Bytes of a lane's all_reduce up to which the wrapped communicator makes it as it likes: those above fill the link.
    static constexpr std::size_t small_lane_bytes = std::size_t{64} << 10;

    /// Wraps `whole`, which must outlive this; ranks of one host share memory. Collective.
    explicit hierarchical(Comm& whole) : hierarchical{whole, {}, default_piece_bytes, nullptr} {}
    /// The same where ranks share memory that give the same `host`, a number of 0 or more: for what machines know no better.
    /// @param piece_bytes  equal on all ranks; no less than 4096 are taken
    hierarchical(Comm& whole, int host, std::size_t piece_bytes = default_piece_bytes)
        : hierarchical{whole, std::optional{host}, piece_bytes, nullptr} {}
    hierarchical(hierarchical const&) = delete;
    hierarchical& operator=(hierarchical const&) = delete;

    int rank() const { return whole_->rank(); }
    int size() const { return whole_->size(); }
    /// How many hosts there are.
    int hosts() const { return layout_.hosts; }
    /// How many ranks of each host talk to other hosts.
    int lanes() const { return layout_.lanes; }
    /// What is wrapped.
    Comm& inner() const { return *whole_; }
    /// The handle of the library behind the wrapped communicator.
    auto native() const requires requires(Comm const& world) { world.native(); }
    { return std::as_const(*whole_).native(); }

    /// Performs one collective, after all those started before it. Collective.
    /// @throws what the wrapped communicator throws
    void perform(call const& what) {
        if (!has_two_levels(what)) return whole_->perform(what);
        if constexpr (requires { whole_->finish_started(); }) whole_->finish_started();
        if (what.kind == collective::barrier) return barrier();
        bool const one_lane = layout_.lanes == 1 || what.bytes() <= one_lane_bytes;
        std::size_t const size = what.type->size, most = piece_bytes_ / size;
        std::size_t const pieces = std::max<std::size_t>(1, (what.count + most - 1) / most);
        std::size_t const each = (what.count + pieces - 1) / pieces;
        grow_window(each * size);
        call piece = what;
        for (std::size_t left = what.count;; left -= piece.count) {
            piece.count = std::min(each, left);
            if (what.kind == collective::all_reduce) all_reduce(piece, one_lane);
            else if (what.kind == collective::reduce) reduce(piece, one_lane);
            else broadcast(piece, one_lane);
            if (piece.count == left) return;
            piece.in += piece.count * size;
            if (piece.out) piece.out += piece.count * size;
        }
    }
    /// Starts one collective, as the wrapped communicator does. Collective.
    pending start(call const& what, std::shared_ptr<void const> kept) { return whole_->start(what, std::move(kept)); }
    /// Compares the call with the peers', where the wrapped communicator does. Collective.
    void announce(call const& what) { whole_->announce(what); }
    /// Sends and receives the messages of `round` at the same time.
    void exchange(std::span<message const> round, call const& what) { whole_->exchange(round, what); }
    /// Starts the messages of `round`. Local.
    pending start_exchange(std::span<message const> round, call const& what, std::shared_ptr<void const> kept)
        requires starts_messages<Comm>
    {
        return whole_->start_exchange(round, what, std::move(kept));
    }
    /// Starts rounds of messages. Local.
    pending start_rounds(std::unique_ptr<message_rounds> rounds) requires starts_rounds<Comm>
    { return whole_->start_rounds(std::move(rounds)); }
    /// Starts a collective that a schedule makes, as the wrapped communicator does. Collective.
    pending start_schedule(call const& what, std::unique_ptr<message_rounds> rounds, std::shared_ptr<void const> kept)
        requires starts_schedules<Comm>
    {
        return whole_->start_schedule(what, std::move(rounds), std::move(kept));
    }
    /// Ends the group, as the wrapped communicator does.
    void abort(std::string const& text) { whole_->abort(text); }

    /// A group of the wrapped communicator's kind. Collective.
    Comm split(int color, int key = 0) { return whole_->split(color, key); }
    /// The ranks of one host, as a group of the wrapped communicator's kind. Collective.
    Comm split_by_host() { return whole_->split_by_host(); }
    /// All ranks become another group of two levels, for another thread of each. Collective.
    hierarchical detach() requires detaches<Comm>
    {
        std::unique_ptr<Comm> own{new Comm(whole_->detach())};
        Comm& whole = *own;
        return hierarchical{whole, named_host_, piece_bytes_, std::move(own)};
    }
    bool can_detach() requires detaches<Comm>
    { return whole_->can_detach(); }
    /// Memory as the wrapped communicator gives it: on several hosts, of no use to the calls here. Collective.
    template <class T>
    shared_array<T> allocate(std::size_t size) {
        return whole_->template allocate<T>(size);
    }

    /// Runs `body(world)` on the ranks of a new group; see `tutti::launch`.
    template <class Body>
    static void launch(launch_options const& options, Body&& body) {
        Comm::launch(options, [&](Comm& whole) {
            hierarchical mine{whole};
            body(mine);
        });
    }

private:
    struct alignas(4096) page {
        std::byte at[4096];
    };
    /// Elements of a piece that this rank's lane carries.
    struct slice {
        std::size_t first, count;
    };

    /// @param host  that the ranks have named; none: as the wrapped communicator knows it
    /// @param own   what is wrapped, where this is to keep it
    hierarchical(Comm& whole, std::optional<int> host, std::size_t piece_bytes, std::unique_ptr<Comm> own)
        : own_{std::move(own)},
          whole_{&whole},
          piece_bytes_{std::max(piece_bytes, sizeof(page))},
          named_host_{host},
          host_(host ? whole.split(*host) : whole.split_by_host()),
          layout_{whole, host_},
          place_{layout_.of(whole.rank())},
          lane_(whole.split(std::min(place_.number, layout_.lanes), place_.host)),
          counts_(static_cast<std::size_t>(host_.size())) {
        // On one host the wrapped communicator's own calls meet in shared memory from the first `allocate` on.
        if (layout_.hosts == 1 && shares()) window_ = whole.template allocate<page>(1);
        else grow_window(std::min(piece_bytes_, std::size_t{1} << 16));
    }

    bool has_two_levels(call const& what) const {
        if (layout_.hosts == 1 || !layout_.shares) return false;
        if (what.type && (what.type->size > piece_bytes_ || what.type->alignment > alignof(page))) return false;
        bool const reduces = what.kind == collective::all_reduce || what.kind == collective::reduce;
        return what.kind == collective::barrier || what.kind == collective::broadcast ||
               (reduces && (what.reduce->commutes || layout_.in_order));
    }
    bool shares() const { return host_.size() > 1; }
    /// Makes room for pieces of so many bytes, by powers of two. The host's ranks do so in the same call.
    void grow_window(std::size_t bytes) {
        if (!shares() || bytes <= window_.size() * sizeof(page)) return;
        window_ = {};
        window_ = host_.template allocate<page>(std::bit_ceil(bytes) / sizeof(page));
    }
    std::byte* window() const { return reinterpret_cast<std::byte*>(window_.data()); }

    void barrier() {
        constexpr call what{.kind = collective::barrier};
        if (shares()) host_.perform(what);
        if (place_.number == 0) lane_.perform(what);
        if (shares()) host_.perform(what);
    }

    void all_reduce(call const& what, bool one_lane) {
        if (!shares()) return across(what, what.in, what.out, {0, what.count}, -1);
        bring(what);
        slice const mine = cut(what, one_lane, 0);
        fold_inside(what, one_lane, 0, mine);
        across(what, at(what, window(), mine), at(what, window(), mine), mine, -1);
        spread_inside(what, one_lane, mine);
    }

    void reduce(call const& what, bool one_lane) {
        auto const [host, number] = layout_.of(what.root);
        bool const has_lane = number < layout_.lanes, is_root = rank() == what.root;
        int const lane = has_lane ? number : 0;
        if (!shares()) return across(what, what.in, what.out, {0, what.count}, host);
        bring(what);
        slice const mine = cut(what, one_lane, lane);
        fold_inside(what, one_lane, lane, mine);
        bool const arrives = one_lane && has_lane;  // where it belongs
        across(what, at(what, window(), mine), arrives && is_root ? what.out : at(what, window(), mine), mine, host);
        if (host == place_.host && !arrives) hand_over(what, number, mine);
    }

    void broadcast(call const& what, bool one_lane) {
        auto const [host, number] = layout_.of(what.root);
        slice const mine = cut(what, one_lane, 0);
        bool const here = host == place_.host, passes_on = shares() && !here;
        if (here && shares()) {
            bool const is_root = rank() == what.root;
            if (is_root) bring(what);
            share_inside(what, is_root, number);
        }
        std::byte* const data = at(what, passes_on ? window() : what.out, mine);
        across(what, data, data, mine, host);
        if (passes_on) spread_inside(what, one_lane, mine);
    }

    /// Shares a piece out among the lanes, each of which begins at a cache line, or gives one lane all of it.
    slice cut(call const& what, bool one_lane, int lane) {
        std::fill(counts_.begin(), counts_.end(), 0);
        auto const lanes = static_cast<std::size_t>(layout_.lanes), line = std::max<std::size_t>(1, 64 / what.type->size);
        std::size_t const most = ((what.count + lanes - 1) / lanes + line - 1) / line * line;
        if (one_lane) counts_[static_cast<std::size_t>(lane)] = what.count;
        else
            for (std::size_t k = 0, left = what.count; k < lanes; left -= counts_[k++]) counts_[k] = std::min(most, left);
        auto const own = counts_.begin() + place_.number;
        return {std::accumulate(counts_.begin(), own, std::size_t{0}), *own};
    }
    static std::byte* at(call const& what, std::byte* data, slice const& part) { return data + part.first * what.type->size; }

    /// The window holds what this rank brings.
    void bring(call const& what) {
        detail::copy_bytes(window(), what.in, what.bytes());
    }
    /// The slice of each lane, in its rank's window, holds the fold of the host's ranks.
    void fold_inside(call const& what, bool one_lane, int lane, slice const& mine) {
        call inside = what;
        inside.in = inside.out = window();
        if (one_lane) {
            inside.kind = collective::reduce;
            inside.root = lane;
        } else {
            inside.kind = collective::reduce_scatter;
            inside.root = -1;
            inside.out = at(what, window(), mine);
            let_differ(inside);
        }
        host_.perform(inside);
    }
    /// The call between hosts of this rank's lane, if that carries anything of this piece.
    void across(call const& what, std::byte const* in, std::byte* out, slice const& mine, int root) {
        bool const carries = what.count == 0 ? place_.number == 0 : mine.count != 0;
        if (!carries) return;
        call part = what;
        part.in = in;
        part.out = out;
        part.count = mine.count;
        part.root = root;
        bool const fills_link = part.kind == collective::all_reduce && part.bytes() > small_lane_bytes;
        if (!fills_link) return lane_.perform(part);
        bool const many = layout_.hosts > 8 && part.reduce->commutes;
        detail::run_time_choice<Comm>::perform_by(lane_, part, many ? algorithm_id::ring : algorithm_id::two_shot);
    }
    /// `what.out` of each of the host's ranks holds the slices in the windows.
    void spread_inside(call const& what, bool one_lane, slice const& mine) {
        if (one_lane) {
            bool const has_it = place_.number == 0;
            share_inside(what, has_it, 0);
            if (has_it) detail::copy_bytes(what.out, window(), what.bytes());
            return;
        }
        call inside{.kind = collective::all_gather, .type = what.type, .in = at(what, window(), mine), .out = what.out};
        let_differ(inside);
        host_.perform(inside);
    }
    /// `what.out` of the host's other ranks holds the window of the one numbered `from`.
    void share_inside(call const& what, bool has_it, int from) {
        host_.perform({.kind = collective::broadcast,
                       .type = what.type,
                       .in = window(),
                       .out = has_it ? window() : what.out,
                       .count = what.count,
                       .root = from});
    }
    /// `what.out` of the host's rank numbered `to` holds the slices in the windows.
    void hand_over(call const& what, int to, slice const& mine) {
        std::vector<std::size_t> const none(counts_.size());
        std::vector<std::size_t> sends = none;
        sends[static_cast<std::size_t>(to)] = mine.count;
        bool const gets = place_.number == to;
        host_.perform({.kind = collective::all_to_all,
                       .type = what.type,
                       .in = at(what, window(), mine),
                       .out = gets ? what.out : nullptr,
                       .count = gets ? *std::max_element(counts_.begin(), counts_.end()) : mine.count,
                       .counts = sends.data(),
                       .receive_counts = gets ? counts_.data() : none.data()});
    }
    void let_differ(call& what) const {
        what.counts = counts_.data();
        what.count = *std::max_element(counts_.begin(), counts_.end());
    }

    std::unique_ptr<Comm> own_;
    Comm* whole_;
    std::size_t piece_bytes_;
    std::optional<int> named_host_;
    Comm host_;  // the ranks that share this one's memory
    detail::host_layout layout_;
    detail::host_layout::place place_;
    Comm lane_;  // those of the same number, in the order of hosts; beyond the lanes, of no use
    shared_array<page> window_;
    std::vector<std::size_t> counts_;  // elements of a piece for each of the host's ranks
};

}  // namespace tutti::comm
