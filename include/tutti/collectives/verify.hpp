#pragma once

#include <tutti/collectives/schedule.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tutti {

/// What can be wrong with a schedule.
enum class fault : std::uint8_t {
    none,
    bad_shape,        ///< steps of another number of ranks than there are, or a root that is none of them
    bad_peer,         ///< a transfer with itself, or with a rank that does not exist
    out_of_bounds,    ///< a step reaches past the memory it names
    writes_input,     ///< a step writes the call's input
    rounds_decrease,  ///< a step belongs to an earlier round than the one before it
    clash,            ///< a step of a round writes what another reads or writes, or is the second from one rank to another
    reads_unwritten,  ///< a step reads what nothing has written yet
    mixes_elements,   ///< a fold joins contributions to different elements
    counted_twice,    ///< a fold joins a rank's contribution to itself
    size_mismatch,    ///< a send and its receive move different numbers of elements
    unmatched,        ///< a transfer whose peer has ended without its counterpart
    deadlock,         ///< ranks wait for one another in a circle, under rendezvous
    wrong_result,     ///< a rank's result lacks a contribution, or holds one it should not
    leaves_early,     ///< a rank's barrier ends although it has not heard of every other rank
    reordered         ///< a result is complete, but not folded in rank order as it was claimed to be
};

constexpr std::string_view name(fault what) {
    constexpr std::string_view names[] = {"sound",
                                          "is not of the ranks that it is for",
                                          "names a peer that is none",
                                          "reaches past the memory it names",
                                          "writes the input",
                                          "goes back to an earlier round",
                                          "clashes with another step of its round",
                                          "reads what nothing has written",
                                          "folds contributions to different elements",
                                          "counts a contribution twice",
                                          "moves another number of elements than its counterpart",
                                          "has no counterpart",
                                          "waits in a circle",
                                          "leaves a wrong result",
                                          "leaves before all have arrived",
                                          "folds out of rank order"};
    return names[static_cast<std::size_t>(what)];
}

/// The outcome of `verify`.
struct verdict {
    fault what = fault::none;
    int rank = -1;         ///< where
    std::size_t step = 0;  ///< which of its steps; for results, which element

    constexpr explicit operator bool() const { return what == fault::none; }
};

template <class = void>
std::string describe(verdict const& found) {
    if (found) return "sound";
    return "rank " + std::to_string(found.rank) + ", step or element " + std::to_string(found.step) + ": " +
           std::string{name(found.what)};
}

namespace detail {

/// What one element holds: contributions of some ranks to element `index`. Only ranks of a window of 64 are told apart.
struct content {
    std::size_t index = 0;
    std::uint64_t ranks = 0;    // of the window
    int first = -1, last = -1;  // the ranks folded, while they are neighbours in order; else first > last
    bool written = false;

    constexpr bool ordered() const { return first <= last; }
};

constexpr std::size_t elements_of(schedule_shape const& shape, memory where) {
    if (shape.kind == collective::barrier) return where == memory::in ? 1 : 0;  // a token
    bool const parts = where == memory::in ? brings_parts(shape.kind) : gets_parts(shape.kind);
    return shape.count * (parts ? static_cast<std::size_t>(shape.size) : 1);
}

/// Whether only the root has this buffer: what only it brings or gets, others need not give the call.
constexpr bool is_of_root(collective kind, memory where) {
    return where == memory::in ? kind == collective::broadcast || kind == collective::scatter
                               : kind == collective::reduce || kind == collective::gather;
}
constexpr bool has_buffer(schedule_shape const& shape, int rank, memory where) {
    return rank == shape.root || !is_of_root(shape.kind, where);
}

/// Runs a schedule on symbols.
template <class Schedule>
class symbolic_run {
public:
    constexpr symbolic_run(Schedule const& what, int window) : schedule_{what}, window_{window} {
        auto const& shape = what.shape;
        for (int rank = 0; rank < shape.size; ++rank) {
            state mine;
            if (has_buffer(shape, rank, memory::in))
                for (std::size_t i = 0; i < elements_of(shape, memory::in); ++i) mine.in.push_back(own(rank, i));
            if (has_buffer(shape, rank, memory::out)) mine.out.resize(elements_of(shape, memory::out), content{});
            if (shape.kind == collective::broadcast) mine.out = rank == shape.root ? mine.in : mine.out;
            mine.scratch.resize(what.ranks[static_cast<std::size_t>(rank)].scratch, content{});
            mine.heard = own(rank, 0).ranks;
            states_.push_back(mine);
        }
    }

    constexpr verdict run(bool in_rank_order) {
        for (int rank = 0; rank < size(); ++rank)
            if (auto const bad = check_form(rank); !bad) return bad;
        for (int rank = 0; rank < size(); ++rank)
            if (auto const bad = open_round(rank); !bad) return bad;
        for (bool moved = true; moved;) {
            moved = false;
            for (int rank = 0; rank < size(); ++rank)
                if (auto const bad = match_sends(rank, moved); !bad) return bad;
        }
        if (auto const bad = find_stuck(); !bad) return bad;
        return check_results(in_rank_order);
    }

private:
    struct state {
        std::vector<content> in{}, out{}, scratch{};
        std::size_t next = 0;             // first step of the open round
        std::size_t end = 0;              // past its last
        std::vector<char> done{};         // whether each step of the open round is over
        std::size_t left = 0;             // transfers of the open round that are not
        std::uint64_t heard = 0;          // whose messages, or messages of whose messages, have come in: ranks of the window
        std::uint64_t tells = 0;          // what of that was so when the round was opened
    };

    constexpr int size() const { return schedule_.shape.size; }
    constexpr state& at(int rank) { return states_[static_cast<std::size_t>(rank)]; }
    constexpr rank_schedule const& plan(int rank) const { return schedule_.ranks[static_cast<std::size_t>(rank)]; }

    constexpr content own(int rank, std::size_t i) const {
        int const bit = rank - window_;
        return {i, bit >= 0 && bit < 64 ? std::uint64_t{1} << bit : 0, rank, rank, true};
    }
    constexpr std::vector<content>& memory_of(int rank, memory where) {
        return where == memory::in ? at(rank).in : where == memory::out ? at(rank).out : at(rank).scratch;
    }

    constexpr bool reaches_past(int rank, place where, std::size_t count) {
        std::size_t const size = memory_of(rank, where.where).size();
        return count > size || where.first > size - count;
    }
    static constexpr bool overlap(place a, std::size_t n, place b, std::size_t m) {
        return a.where == b.where && a.first < b.first + m && b.first < a.first + n;
    }

    /// All that can be seen without running.
    constexpr verdict check_form(int rank) {
        auto const& steps = plan(rank).steps;
        for (std::size_t k = 0; k < steps.size(); ++k) {
            step const& s = steps[k];
            auto bad = [&](fault what) { return verdict{what, rank, k}; };
            if (k > 0 && s.round < steps[k - 1].round) return bad(fault::rounds_decrease);
            if (s.transfers() && (s.peer < 0 || s.peer >= size() || s.peer == rank)) return bad(fault::bad_peer);
            if (reaches_past(rank, s.at, s.count)) return bad(fault::out_of_bounds);
            if (!s.transfers() && reaches_past(rank, s.from, s.count)) return bad(fault::out_of_bounds);
            if (s.what != step::action::send && s.at.where == memory::in) return bad(fault::writes_input);
            if (!s.transfers() && overlap(s.at, s.count, s.from, s.count)) return bad(fault::clash);
            for (std::size_t j = k; j-- > 0 && steps[j].round == s.round;) {
                step const& t = steps[j];
                bool const s_writes = s.what != step::action::send, t_writes = t.what != step::action::send;
                if ((s_writes || t_writes) && overlap(s.at, s.count, t.at, t.count)) return bad(fault::clash);
                if (s.transfers() && t.transfers() && s.peer == t.peer && s.receives() == t.receives()) return bad(fault::clash);
                if (!t.transfers() && s_writes && overlap(s.at, s.count, t.from, t.count)) return bad(fault::clash);
                if (!s.transfers() && t_writes && overlap(s.from, s.count, t.at, t.count)) return bad(fault::clash);
            }
        }
        return {};
    }

    /// Opens the next round of `rank`, and those after it while they have no transfer left to wait for.
    constexpr verdict open_round(int rank) {
        auto& mine = at(rank);
        auto const& steps = plan(rank).steps;
        while (mine.left == 0) {
            mine.next = mine.end;
            mine.tells = mine.heard;
            if (mine.next == steps.size()) return {};
            while (mine.end < steps.size() && steps[mine.end].round == steps[mine.next].round)
                mine.left += steps[mine.end++].transfers();
            mine.done.assign(mine.end - mine.next, 0);
            for (std::size_t k = mine.next; k < mine.end; ++k)
                if (!steps[k].transfers())
                    if (auto const bad = apply(rank, k, memory_of(rank, steps[k].from.where), steps[k].from.first); !bad)
                        return bad;
        }
        return {};
    }
    constexpr bool is_done(int rank, std::size_t k) { return at(rank).done[k - at(rank).next] != 0; }
    constexpr void finish(int rank, std::size_t k) {
        at(rank).done[k - at(rank).next] = 1;
        --at(rank).left;
    }
    /// The first open transfer of `rank` with `peer` in this direction, or the end of its round.
    constexpr std::size_t first_open(int rank, int peer, bool receives) {
        for (std::size_t k = at(rank).next; k < at(rank).end; ++k) {
            step const& s = plan(rank).steps[k];
            if (s.transfers() && s.peer == peer && s.receives() == receives && !is_done(rank, k)) return k;
        }
        return at(rank).end;
    }

    /// Completes those sends of `rank`'s open round whose receive is open too.
    constexpr verdict match_sends(int rank, bool& moved) {
        for (std::size_t k = at(rank).next; k < at(rank).end; ++k) {
            step const& send = plan(rank).steps[k];
            if (send.what != step::action::send || is_done(rank, k) || first_open(rank, send.peer, false) != k) continue;
            std::size_t const other = first_open(send.peer, rank, true);
            if (other == at(send.peer).end) continue;
            if (plan(send.peer).steps[other].count != send.count) return {fault::size_mismatch, rank, k};
            for (std::size_t i = 0; i < send.count; ++i)
                if (!memory_of(rank, send.at.where)[send.at.first + i].written) return {fault::reads_unwritten, rank, k};
            if (auto const bad = apply(send.peer, other, memory_of(rank, send.at.where), send.at.first); !bad) return bad;
            at(send.peer).heard |= at(rank).tells;
            finish(rank, k);
            finish(send.peer, other);
            moved = true;
            int const peer = send.peer;
            if (auto const bad = open_round(peer); !bad) return bad;
            std::size_t const was = at(rank).next;
            if (auto const bad = open_round(rank); !bad) return bad;
            if (at(rank).next != was) return {};
        }
        return {};
    }

    /// Lets elements come in at step `k` of `rank`.
    constexpr verdict apply(int rank, std::size_t k, std::vector<content> const& from, std::size_t first) {
        step const& s = plan(rank).steps[k];
        auto& to = memory_of(rank, s.at.where);
        for (std::size_t i = 0; i < s.count; ++i) {
            content const in = from[first + i];
            content& held = to[s.at.first + i];
            if (!in.written || (s.folds() && !held.written)) return {fault::reads_unwritten, rank, k};
            if (!s.folds()) {
                held = in;
                continue;
            }
            if (in.index != held.index) return {fault::mixes_elements, rank, k};
            if ((in.ranks & held.ranks) != 0) return {fault::counted_twice, rank, k};
            bool const before = s.what == step::action::receive_before || s.what == step::action::before;
            content const &low = before ? in : held, &high = before ? held : in;
            bool const neighbours = low.ordered() && high.ordered() && low.last + 1 == high.first;
            held = {in.index, in.ranks | held.ranks, neighbours ? low.first : 1, neighbours ? high.last : 0, true};
        }
        return {};
    }

    /// Names a transfer that cannot complete, if there is one.
    constexpr verdict find_stuck() {
        verdict stuck;
        for (int rank = 0; rank < size(); ++rank)
            for (std::size_t k = at(rank).next; k < at(rank).end; ++k) {
                step const& s = plan(rank).steps[k];
                if (!s.transfers() || is_done(rank, k)) continue;
                if (at(s.peer).next == plan(s.peer).steps.size()) return {fault::unmatched, rank, k};
                if (stuck) stuck = {fault::deadlock, rank, k};
            }
        return stuck;
    }

    constexpr verdict check_results(bool in_rank_order) {
        auto const& shape = schedule_.shape;
        for (int rank = 0; rank < size(); ++rank) {
            if (shape.kind == collective::barrier && at(rank).heard != everyone()) return {fault::leaves_early, rank, 0};
            for (std::size_t i = 0; i < at(rank).out.size(); ++i) {
                content const& held = at(rank).out[i];
                auto const [index, first, last] = expected(rank, i);
                if (last < first) continue;
                std::uint64_t ranks = 0;
                for (int k = first; k <= last; ++k) ranks |= own(k, 0).ranks;
                if (!held.written || held.index != index || held.ranks != ranks) return {fault::wrong_result, rank, i};
                if (first == last && held.first != first) return {fault::wrong_result, rank, i};
                if (in_rank_order && !held.ordered()) return {fault::reordered, rank, i};
            }
        }
        return {};
    }

    constexpr std::uint64_t everyone() const {
        std::uint64_t ranks = 0;
        for (int rank = 0; rank < size(); ++rank) ranks |= own(rank, 0).ranks;
        return ranks;
    }

    struct wanted {
        std::size_t index;  // of the contributors' input
        int first, last;    // the contributors; none where last < first
    };
    constexpr wanted expected(int rank, std::size_t i) const {
        auto const& shape = schedule_.shape;
        auto const me = static_cast<std::size_t>(rank);
        int const owner = shape.count == 0 ? 0 : static_cast<int>(i / shape.count);
        switch (shape.kind) {
        case collective::broadcast:
            return {i, shape.root, shape.root};
        case collective::reduce:
        case collective::all_reduce:
            return {i, 0, size() - 1};
        case collective::reduce_scatter:
            return {me * shape.count + i, 0, size() - 1};
        case collective::gather:
        case collective::all_gather:
            return {i % shape.count, owner, owner};
        case collective::scatter:
            return {me * shape.count + i, shape.root, shape.root};
        case collective::all_to_all:
            return {me * shape.count + i % shape.count, owner, owner};
        case collective::scan:
            return {i, 0, rank};
        case collective::exclusive_scan:
            return {i, 0, rank - 1};
        default:
            return {0, 0, -1};
        }
    }

    Schedule const& schedule_;
    int window_;
    std::vector<state> states_{};
};

}  // namespace detail

/// Whether a schedule does what its shape says, found by running it on symbols: every contribution to every element arrives
/// exactly once, nothing is read before it is written, every send has its receive, and no rank waits for ever although a send
/// may wait for its receive (rendezvous). Of a barrier: every rank hears of every other, from itself or from ranks that had
/// heard. Local; usable in constant expressions.
/// @param  in_rank_order  demand too that contributions are folded in rank order, for operations that do not commute
/// Cost:   ranks x elements x steps, once per 64 ranks; a handful of elements per rank shows all there is to see
template <class = void>
constexpr verdict verify(schedule const& what, bool in_rank_order = false) {
    auto const& shape = what.shape;
    bool const rooted = detail::is_of_root(shape.kind, memory::in) || detail::is_of_root(shape.kind, memory::out);
    if (shape.size < 1 || what.ranks.size() != static_cast<std::size_t>(shape.size) ||
        (rooted && (shape.root < 0 || shape.root >= shape.size)))
        return {fault::bad_shape, 0, 0};
    for (int window = 0; window < what.shape.size; window += 64)
        if (auto const found = detail::symbolic_run{what, window}.run(in_rank_order); !found) return found;
    return {};
}

}  // namespace tutti
