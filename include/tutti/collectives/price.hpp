#pragma once

#include <tutti/collectives/matching.hpp>
#include <tutti/collectives/schedule.hpp>
#include <tutti/error.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <vector>

namespace tutti {

/// What transfers cost: a message of n bytes takes alpha + n beta, and folding n bytes n gamma.
struct alpha_beta_gamma {
    double alpha = 0;  ///< seconds per message
    double beta = 0;   ///< seconds per byte
    double gamma = 0;  ///< seconds per byte folded

    constexpr double transfer(std::size_t /*messages*/, double bytes) const { return alpha + bytes * beta; }
    constexpr double fold(double bytes) const { return bytes * gamma; }
};

/// The same in more detail: a message of n bytes takes latency + 2 overhead + (n - 1) gap_per_byte; one more at the same time
/// begins `gap` later, or `overhead` where that is more.
/// Source: Alexandrov, Ionescu, Schauser and Scheiman 1995, doi 10.1145/215399.215427; folding is an addition
struct log_gp {
    double latency = 0;        ///< seconds on the way
    double overhead = 0;       ///< seconds of a rank's own time, to send or to receive
    double gap = 0;            ///< seconds between two messages of a rank
    double gap_per_byte = 0;   ///< seconds
    double fold_per_byte = 0;  ///< seconds

    constexpr double transfer(std::size_t messages, double bytes) const {
        auto const count = static_cast<double>(messages);
        return latency + 2 * overhead + (count - 1) * std::max(gap, overhead) + (bytes - count) * gap_per_byte;
    }
    constexpr double fold(double bytes) const { return bytes * fold_per_byte; }
};

/// What a schedule can be priced by.
/// Laws:  transfer(k, n) is the time in which a rank sends, or receives, k >= 1 messages of n bytes in all at the same time;
///        fold(n) that in which it folds n bytes. Both in seconds.
template <class Model>
concept cost_model = requires(Model const& model, std::size_t messages, double bytes) {
    { model.transfer(messages, bytes) } -> std::convertible_to<double>;
    { model.fold(bytes) } -> std::convertible_to<double>;
};

namespace detail {

/// Runs a schedule on a clock per rank.
template <cost_model Model>
class priced_run {
public:
    constexpr priced_run(schedule const& what, Model const& model, double bytes_per_element) : model_{model} {
        auto const matched = match_messages(what);
        std::size_t transfers = 0;
        for (auto const& rank : what.ranks) {
            std::vector<std::size_t> round_of;  // of each step
            state mine;
            for (std::size_t k = 0; k < rank.steps.size(); ++k) {
                step const& each = rank.steps[k];
                double const bytes = static_cast<double>(each.count) * bytes_per_element;
                if (k == 0 || rank.steps[k - 1].round != each.round) mine.rounds.push_back({});
                round& now = mine.rounds.back();
                round_of.push_back(mine.rounds.size() - 1);
                transfers += each.transfers();
                if (each.folds()) now.folded += bytes;
                if (each.transfers()) (each.receives() ? now.in : now.out).add(bytes);
            }
            rounds_of_.push_back(round_of);
            ranks_.push_back(mine);
        }
        if (transfers != 2 * matched.size()) throw usage_error{"tutti: price: a transfer has no counterpart; see tutti::verify"};
        for (auto const& each : matched) {
            meet(each.from, each.send, each.to, each.receive, true);
            meet(each.to, each.receive, each.from, each.send, false);
        }
    }

    constexpr double run() {
        for (bool moved = true; moved;) {
            moved = false;
            for (auto& mine : ranks_)
                while (mine.next < mine.rounds.size() && finish(mine)) moved = true;
        }
        double last = 0;
        for (auto const& mine : ranks_) {
            if (mine.next < mine.rounds.size()) throw usage_error{"tutti: price: ranks wait in a circle; see tutti::verify"};
            last = std::max(last, mine.clock);
        }
        return last;
    }

private:
    /// What goes in one direction in a round.
    struct load {
        std::size_t messages = 0;
        double bytes = 0;
        constexpr void add(double more) {
            ++messages;
            bytes += more;
        }
    };
    struct meeting {
        std::size_t peer = 0, round = 0;  // of the peer
        bool sends = false;
    };
    struct round {
        load in{}, out{};
        double folded = 0, begin = 0;
        std::vector<meeting> meetings{};
    };
    struct state {
        std::vector<round> rounds{};
        std::size_t next = 0;
        double clock = 0;
    };

    constexpr void meet(int rank, std::size_t step, int peer, std::size_t peers, bool sends) {
        auto const me = static_cast<std::size_t>(rank), other = static_cast<std::size_t>(peer);
        ranks_[me].rounds[rounds_of_[me][step]].meetings.push_back({other, rounds_of_[other][peers], sends});
    }

    /// Ends the open round of a rank, if all whom it meets have begun theirs.
    constexpr bool finish(state& mine) {
        round& now = mine.rounds[mine.next];
        now.begin = mine.clock;
        double end = now.begin;
        for (auto const& each : now.meetings) {
            state const& peer = ranks_[each.peer];
            if (peer.next < each.round) return false;
            round const& theirs = peer.rounds[each.round];
            // A round not yet looked at begins when the one before it has ended.
            double const met = std::max(now.begin, peer.next == each.round ? peer.clock : theirs.begin);
            load const &out = each.sends ? now.out : theirs.out, &in = each.sends ? theirs.in : now.in;
            end = std::max(end, met + std::max(model_.transfer(out.messages, out.bytes), model_.transfer(in.messages, in.bytes)));
        }
        mine.clock = end + model_.fold(now.folded);
        ++mine.next;
        return true;
    }

    Model const& model_;
    std::vector<state> ranks_{};
    std::vector<std::vector<std::size_t>> rounds_of_{};
};

}  // namespace detail

/// The seconds until the last rank is done with a schedule, as a model has it: each rank works through its rounds; a message
/// begins when both of its ranks have begun the round it belongs to. What a rank sends in a round shares its way out, what it
/// receives its way in, and each message takes as long as the busier of its two ends; then the rank folds. Copies are free. Local.
/// @param  bytes_per_element  of the call; the tokens of a barrier are of one byte
/// @throws usage_error  for a schedule that never ends
/// Cost:   about ranks^2 and the number of steps
template <cost_model Model>
constexpr double price(schedule const& what, Model const& model, std::size_t bytes_per_element) {
    double const bytes = what.shape.kind == collective::barrier ? 1 : static_cast<double>(bytes_per_element);
    return detail::priced_run<Model>{what, model, bytes}.run();
}

}  // namespace tutti
