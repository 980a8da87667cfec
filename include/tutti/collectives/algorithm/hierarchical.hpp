#pragma once

#include <tutti/collectives/algorithm/embedded.hpp>
#include <tutti/collectives/algorithm/parameter.hpp>
#include <tutti/collectives/schedule.hpp>
#include <tutti/detail/hash.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

namespace tutti::algorithm {

/// One algorithm among the q ranks of a host and another among hosts; ranks q h ... q h + q - 1 are on host h.
/// All-reduce: each host reduce-scatters, ranks with the same number on their host all-reduce their part, each host all-gathers.
/// Broadcast: among the ranks that have the root's number on their host, then on each host.
/// Cost:   all_reduce reduce-scatter(q, n) + all-reduce(m, n/q) + all-gather(q, n) for m hosts, room for n/q and twice what these
///         need, for n that q does not divide two copies of n; broadcast that of both
/// Order:  rank order, if both algorithms keep it
/// Source: broadcast: Karonis et al. 2000, IPDPS, pages 377-384; all_reduce: Cho et al. 2019, doi 10.1147/JRD.2019.2947013
template <class Inner, class Outer>
struct hierarchical {
    static constexpr algorithm_id id = algorithm_id::hierarchical;
    static constexpr bool makes(collective kind) {
        if (kind == collective::broadcast) return Inner::makes(kind) && Outer::makes(kind);
        return kind == collective::all_reduce && Inner::makes(collective::reduce_scatter) && Inner::makes(collective::all_gather) &&
               Outer::makes(kind);
    }
    static constexpr bool keeps_order = Inner::keeps_order && Outer::keeps_order;

    Inner inner{};
    Outer outer{};
    int ranks_per_host = 1;  ///< q, a divisor of the number of ranks; equal on all ranks

    constexpr std::uint64_t settings() const {
        auto all = static_cast<std::uint64_t>(ranks_per_host);
        for (std::uint64_t const each : {static_cast<std::uint64_t>(Inner::id), tutti::detail::settings_of(inner),
                                         static_cast<std::uint64_t>(Outer::id), tutti::detail::settings_of(outer)})
            all = tutti::detail::mixed(all) + each;
        return all;
    }

    /// @throws usage_error  if hosts with that many ranks are not what the ranks make up
    constexpr rank_schedule steps(schedule_shape const& shape, int rank) const {
        int const q = detail::positive("ranks_per_host of hierarchical", ranks_per_host), hosts = shape.size / q;
        if (hosts * q != shape.size)
            tutti::detail::raise<usage_error>({"tutti: hierarchical needs a number of ranks that ranks_per_host, ", q,
                                               ", divides, not ", shape.size});
        if (shape.kind == collective::broadcast) return broadcast(shape, rank, hosts);
        return all_reduce(shape, rank, hosts);
    }

private:
    constexpr rank_schedule broadcast(schedule_shape const& shape, int rank, int hosts) const {
        rank_schedule mine;
        int const q = ranks_per_host, host = rank / q, number = rank % q, lead = shape.root % q;
        auto run = [&](rank_schedule const& part, auto rank_of) {
            mine.scratch = std::max(mine.scratch, part.scratch);
            detail::append(mine, part, rank_of, [](place at) { return at; });
        };
        if (number == lead)
            run(outer.steps({shape.kind, hosts, shape.count, shape.root / q}, host), [&](int peer) { return peer * q + lead; });
        run(inner.steps({shape.kind, q, shape.count, lead}, number), [&](int peer) { return host * q + peer; });
        return mine;
    }

    constexpr rank_schedule all_reduce(schedule_shape const& shape, int rank, int hosts) const {
        rank_schedule mine;
        int const q = ranks_per_host, host = rank / q, number = rank % q;
        auto const parts = static_cast<std::size_t>(q);
        std::size_t const part = (shape.count + parts - 1) / parts, padded = part * parts;
        // Room: the part before and after the all-reduce, the whole message if it has to be padded, what the algorithms need.
        bool const pads = padded != shape.count;
        place const before{memory::scratch, 0}, after{memory::scratch, part}, copy{memory::scratch, 2 * part};
        place const from = pads ? copy : place{memory::in, 0}, to = pads ? copy : place{memory::out, 0};
        std::size_t const room = 2 * part + (pads ? padded : 0);
        auto run = [&](rank_schedule const& smaller, auto rank_of, place in, place out) {
            mine.scratch = std::max(mine.scratch, room + smaller.scratch);
            detail::append(mine, smaller, rank_of, [&](place at) {
                if (at.where == memory::scratch) return place{memory::scratch, room + at.first};
                place const base = at.where == memory::in ? in : out;
                return place{base.where, base.first + at.first};
            });
        };
        auto inside = [&](int peer) { return host * q + peer; };
        auto across = [&](int peer) { return peer * q + number; };
        if (pads && shape.count != 0) {
            mine.local(0, copy, {memory::in, 0}, shape.count);
            for (std::size_t k = shape.count; k < padded; ++k)  // with elements that an operation knows how to fold
                mine.local(0, {memory::scratch, copy.first + k}, {memory::in, k % shape.count}, 1);
        }
        run(inner.steps({collective::reduce_scatter, q, part, 0}, number), inside, from, before);
        run(outer.steps({collective::all_reduce, hosts, part, 0}, host), across, before, after);
        run(inner.steps({collective::all_gather, q, part, 0}, number), inside, after, to);
        if (pads) mine.local(mine.rounds(), {memory::out, 0}, copy, shape.count);
        return mine;
    }
};

}  // namespace tutti::algorithm
