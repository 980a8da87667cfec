#pragma once

#include <tutti/collectives/all_gather.hpp>
#include <tutti/collectives/all_reduce.hpp>
#include <tutti/collectives/automatic.hpp>
#include <tutti/collectives/barrier.hpp>
#include <tutti/collectives/broadcast.hpp>
#include <tutti/collectives/choice.hpp>
#include <tutti/collectives/costs.hpp>
#include <tutti/concepts/call.hpp>
#include <tutti/concepts/communicator.hpp>
#include <tutti/detail/least_chrono.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace tutti {

/// How far a tuning has come.
struct tune_progress {
    collective kind;    ///< just measured
    std::size_t bytes;  ///< of one part; 0 for a barrier
    int done, points;   ///< how many pairs of collective and size are done, of how many
};

struct tune_options {
    /// Bytes of one part, as in `call::bytes`: ascending multiples of 4, up to 1 GiB.
    std::vector<std::size_t> sizes{8, 32, 128, 512, 2048, 8192, 32'768, 131'072, 524'288, 2'097'152, 4'194'304};
    int repetitions = 7;                                   ///< of each measurement, >= 1
    std::chrono::milliseconds time_limit{60'000};          ///< ends between two measurements; rank 0's clock
    std::function<void(tune_progress const&)> progress{};  ///< called after each point, on each rank that has it
};

namespace detail {

/// @throws usage_error  on every rank whose options make no sense
template <class = void>
void check_options(tune_options const& options) {
    auto fail = [](std::string const& why) { raise<usage_error>({"tutti: tune: ", why}); };
    if (options.repetitions < 1) fail("needs 1 repetition or more, not " + std::to_string(options.repetitions));
    if (options.time_limit.count() <= 0)
        fail("needs a positive time limit, not " + std::to_string(options.time_limit.count()) + " ms");
    if (options.sizes.empty()) fail("needs at least one size");
    std::size_t last = 0;
    for (std::size_t const size : options.sizes) {
        if (size == 0 || size % sizeof(float) != 0 || size > std::size_t{1} << 30)
            fail("a size of " + std::to_string(size) + " bytes is no multiple of 4 up to 1 GiB");
        if (size <= last) fail("sizes must ascend, and " + std::to_string(size) + " follows " + std::to_string(last));
        last = size;
    }
}

/// @throws usage_error  on every rank, when options differ
template <class Comm>
void check_same_options(Comm& world, tune_options const& options) {
    std::uint64_t digest = 14'695'981'039'346'656'037u;  // FNV-1a
    auto add = [&](std::uint64_t value) { digest = (digest ^ value) * 1'099'511'628'211u; };
    add(static_cast<std::uint64_t>(options.repetitions));
    for (std::size_t const size : options.sizes) add(size);
    auto const all = all_gather(world, digest);
    for (std::size_t rank = 1; rank < all.size(); ++rank)
        if (all[rank] != all[0])
            raise<usage_error>({"tutti: tune: rank ", rank, " has other sizes or repetitions than rank 0"});
}

/// What can make a collective: the communicator itself first, if it can.
template <class Comm>
std::vector<algorithm_id> candidates_for(collective kind) {
    std::vector<algorithm_id> all;
    if constexpr (performs_collectives<Comm>) all.push_back(algorithm_id::own);
    for (auto const id : algorithm_ids)
        if (makes(id, kind)) all.push_back(id);
    return all;
}

/// Measures all candidates for all collectives.
template <class Comm>
class tuning {
public:
    tuning(Comm& world, tune_options const& options) : world_{world}, options_{options} {}

    choice_table table() {
        std::vector<std::vector<point>> points(static_cast<std::size_t>(collective::send));
        int const all = 1 + static_cast<int>(options_.sizes.size()) * (static_cast<int>(collective::send) - 2);
        int done = 0;
        // Until the system has given each busy thread a core, where there are enough.
        auto const awake = begin_ + std::min<clock::duration>(std::chrono::milliseconds{200}, options_.time_limit / 20);
        while (clock::now() < awake) {}
        // Small sizes of all collectives first: where time runs out, it is the large ones that are left to the default.
        for (std::size_t const size : options_.sizes)
            for (int k = static_cast<int>(collective::barrier); k < static_cast<int>(collective::send); ++k) {
                auto const kind = static_cast<collective>(k);
                bool const is_barrier = kind == collective::barrier;
                if (is_barrier && done != 0) continue;
                std::size_t const bytes = is_barrier ? 0 : size;
                std::vector<double> seconds;
                for (auto& each : measure(kind, bytes, candidates_for<Comm>(kind))) {
                    if (each.empty()) return rows_of(points);
                    seconds.push_back(median(std::move(each)));
                }
                points[static_cast<std::size_t>(k)].push_back({bytes, std::move(seconds)});
                if (options_.progress) options_.progress({kind, bytes, ++done, all});
                else ++done;
            }
        return rows_of(points);
    }

    /// The seconds that the last rank took, by candidate and repetition, equal on all ranks; fewer repetitions, or none, if time is
    /// over. `algorithm_id::automatic`: as calls without an algorithm are made. Collective.
    std::vector<std::vector<double>> measure(collective kind, std::size_t bytes, std::vector<algorithm_id> const& candidates) {
        prepare(kind, bytes);
        // Turn by turn, so that what disturbs the machine for a while disturbs all candidates.
        std::vector<std::vector<double>> all(candidates.size());
        std::vector<int> calls(candidates.size(), 1);
        for (int turn = -1; turn < options_.repetitions && !is_over(); ++turn) {
            std::vector<double> seconds;
            for (std::size_t k = 0; k < candidates.size(); ++k) seconds.push_back(time(candidates[k], calls[k]));
            all_reduce(world_, seconds, [](double a, double b) { return a < b ? b : a; });
            for (std::size_t k = 0; k < candidates.size(); ++k)
                if (turn >= 0) all[k].push_back(seconds[k]);
                // The first warms up, and tells how many calls a clock needs to see something.
                else calls[k] = static_cast<int>(std::clamp(5e-5 / std::max(seconds[k], 1e-9), 1.0, 100.0));
        }
        return all;
    }

private:
    /// What was measured for one collective and size: the median seconds of each candidate.
    struct point {
        std::size_t bytes;
        std::vector<double> seconds;
    };

    using clock = std::chrono::steady_clock;

    /// Whether rank 0 finds that time is over. Collective.
    bool is_over() { return broadcast(world_, static_cast<int>(clock::now() - begin_ >= options_.time_limit), 0) != 0; }

    void prepare(collective kind, std::size_t bytes) {
        what_ = call{.kind = kind};
        if (kind == collective::barrier) return;
        std::size_t const count = bytes / sizeof(float), p = static_cast<std::size_t>(world_.size());
        in_.assign(brings_parts(kind) ? count * p : count, 1.0f);
        out_.assign(gets_parts(kind) ? count * p : count, 1.0f);
        what_.type = &element_type_of<float>;
        what_.out = reinterpret_cast<std::byte*>(out_.data());
        what_.in = kind == collective::broadcast ? what_.out : reinterpret_cast<std::byte const*>(in_.data());
        what_.count = count;
        bool const gathers = kind == collective::gather || kind == collective::reduce;
        if (gathers || kind == collective::broadcast || kind == collective::scatter) what_.root = 0;
        if (!reduces(kind)) return;
        what_.reduce = &reduction_of<float, std::plus<>>;
        what_.operation = &operation_;
    }

    /// The seconds of one of several calls in a row, on this rank. Collective.
    double time(algorithm_id by, int calls) {
        auto const perform_once = [&] {
            if (by == algorithm_id::automatic) detail::perform(world_, what_);
            else run_time_choice<Comm>::perform_by(world_, what_, by);
        };
        perform_once();    // which finds in the caches what another candidate has left there
        barrier(world_);
        auto const start = clock::now();
        for (int k = 0; k < calls; ++k) perform_once();
        return std::chrono::duration<double>(clock::now() - start).count() / calls;
    }

    choice_table rows_of(std::vector<std::vector<point>> const& points) const {
        choice_table table;
        for (std::size_t k = 0; k < points.size(); ++k) {
            auto const kind = static_cast<collective>(k);
            auto const any = rows_of(kind, points[k], false);
            if (reduces(kind)) {
                auto commuting = rows_of(kind, points[k], true);
                auto as_any = commuting;
                for (choice& row : as_any) row.commutes = false;
                if (as_any != any) table.rows.insert(table.rows.end(), commuting.begin(), commuting.end());
            }
            table.rows.insert(table.rows.end(), any.begin(), any.end());
        }
        return table;
    }

    /// The fastest at each size, up to the geometric middle between that and the next.
    std::vector<choice> rows_of(collective kind, std::vector<point> const& points, bool commutes) const {
        auto const candidates = candidates_for<Comm>(kind);
        std::vector<choice> rows;
        for (std::size_t k = 0; k < points.size(); ++k) {
            auto const& seconds = points[k].seconds;
            std::size_t best = candidates.size();
            for (std::size_t each = 0; each < candidates.size(); ++each) {
                bool const allowed =
                    commutes || !reduces(kind) || candidates[each] == algorithm_id::own || keeps_order(candidates[each]);
                if (allowed && (best == candidates.size() || seconds[each] < seconds[best])) best = each;
            }
            choice const row{kind, world_.size(), up_to(kind, points, k), commutes, candidates[best]};
            if (!rows.empty() && rows.back().by == row.by) rows.back() = row;
            else rows.push_back(row);
        }
        return rows;
    }
    std::size_t up_to(collective kind, std::vector<point> const& points, std::size_t k) const {
        auto const at = [&](std::size_t which) { return static_cast<double>(points[which].bytes); };
        if (k + 1 < points.size()) return static_cast<std::size_t>(std::sqrt(at(k) * at(k + 1)));
        bool const complete = kind == collective::barrier || points.size() == options_.sizes.size();
        return complete ? any_bytes : points[k].bytes;
    }

    Comm& world_;
    tune_options const& options_;
    clock::time_point begin_ = clock::now();
    std::plus<> operation_{};
    call what_{};
    std::vector<float> in_{}, out_{};
};

}  // namespace detail

/// A table of what was measured to be fastest here: for each collective and size, every algorithm that makes it with its default
/// parameters, and what the communicator does itself. Equal on all ranks; for as many ranks as there are, and fewer. What there
/// was no time to measure is in no row. Sums of floats are what is measured; operations that do not commute get the fastest of
/// the algorithms that keep order. Collective.
/// @param  options  sizes and repetitions equal on all ranks
/// @throws usage_error  on every rank, when options make no sense or differ
/// @throws peer_failed, timeout_error
/// Cost:   up to the time limit, and one more turn of one point; room for 2p parts of the largest size
template <communicator Comm>
[[nodiscard]] choice_table tune(Comm& world, tune_options const& options = {}) {
    detail::check_options(options);
    detail::check_same_options(world, options);
    return detail::tuning<Comm>{world, options}.table();
}

}  // namespace tutti
