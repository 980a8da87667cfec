#pragma once

#include <tutti/concepts/call.hpp>

#include <array>
#include <cstddef>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

namespace tutti {

/// In a row of a table: for any number of ranks, for parts of any size.
inline constexpr int any_ranks = std::numeric_limits<int>::max();
inline constexpr std::size_t any_bytes = std::numeric_limits<std::size_t>::max();

/// A row of a table: which calls it is for, and what makes them.
struct choice {
    collective kind = collective::none;
    int ranks = any_ranks;                ///< up to how many, inclusive
    std::size_t bytes = any_bytes;        ///< up to how many of one part (`call::bytes`), inclusive; 0 for a barrier
    bool commutes = false;                ///< only for operations that are known to commute
    algorithm_id by = algorithm_id::own;  ///< own: what the communicator does itself

    friend constexpr bool operator==(choice const&, choice const&) = default;

    constexpr bool fits(collective what, std::size_t size, int p, bool commuting) const {
        return what == kind && size <= bytes && p <= ranks && (commuting || !commutes);
    }
};

/// Which algorithm makes which call: the first row that fits. Calls that none fits are made by the communicator itself, so an
/// empty table is the one for communicators that have collectives of their own. A plain value: tables for fewer ranks put before
/// those for more are one table.
struct choice_table {
    std::vector<choice> rows{};

    friend bool operator==(choice_table const&, choice_table const&) = default;
};

/// For communicators that only exchange messages: every call fits a row, by an algorithm that can make it.
/// Up to 8 ranks as measured on 2, 3, 4 and 8 threads of one process, on 2 cores: what takes few rounds and few copies wins, and what
/// was just copied is slow to read. Beyond, crossovers of alpha-beta-gamma costs at 2 us, 0.1 ns and 0.05 ns. What is best between
/// hosts, `tune` measures.
/// Source: all_reduce: L alpha / (beta (L - 2 (p-1)/p) + gamma (L - (p-1)/p)); broadcast and all_gather as in MPICH: Thakur, Rabenseifner
///         and Gropp 2005, doi 10.1177/1094342005051521; measured: `./dev bench choice`
inline constexpr std::array message_choices{
    choice{.kind = collective::barrier, .by = algorithm_id::dissemination},
    choice{.kind = collective::broadcast, .ranks = 2, .by = algorithm_id::binomial},
    choice{.kind = collective::broadcast, .ranks = 4, .bytes = 2'097'152, .by = algorithm_id::binomial},
    choice{.kind = collective::broadcast, .ranks = 8, .bytes = 1'048'576, .by = algorithm_id::binomial},
    choice{.kind = collective::broadcast, .ranks = 8, .by = algorithm_id::segmented_ring},
    choice{.kind = collective::broadcast, .bytes = 12'288, .by = algorithm_id::binomial},
    choice{.kind = collective::broadcast, .by = algorithm_id::scatter_all_gather},
    choice{.kind = collective::reduce, .by = algorithm_id::binomial},
    choice{.kind = collective::all_reduce, .ranks = 2, .bytes = 65'536, .by = algorithm_id::one_shot},
    choice{.kind = collective::all_reduce, .ranks = 2, .bytes = 524'288, .by = algorithm_id::two_shot},
    choice{.kind = collective::all_reduce, .ranks = 2, .by = algorithm_id::rabenseifner},
    choice{.kind = collective::all_reduce, .ranks = 3, .bytes = 32'768, .by = algorithm_id::one_shot},
    choice{.kind = collective::all_reduce, .ranks = 8, .bytes = 16'384, .by = algorithm_id::one_shot},
    choice{.kind = collective::all_reduce, .ranks = 8, .bytes = 262'144, .by = algorithm_id::two_shot},
    choice{.kind = collective::all_reduce, .ranks = 8, .bytes = 1'048'576, .by = algorithm_id::rabenseifner},
    choice{.kind = collective::all_reduce, .ranks = 3, .commutes = true, .by = algorithm_id::ring},
    choice{.kind = collective::all_reduce, .ranks = 8, .by = algorithm_id::rabenseifner},
    choice{.kind = collective::all_reduce, .bytes = 16'384, .by = algorithm_id::recursive_doubling},
    choice{.kind = collective::all_reduce, .commutes = true, .by = algorithm_id::circulant},
    choice{.kind = collective::all_reduce, .by = algorithm_id::rabenseifner},
    choice{.kind = collective::reduce_scatter, .ranks = 2, .commutes = true, .by = algorithm_id::pairwise},
    choice{.kind = collective::reduce_scatter, .ranks = 8, .bytes = 16'384, .by = algorithm_id::two_shot},
    choice{.kind = collective::reduce_scatter, .ranks = 8, .commutes = true, .by = algorithm_id::pairwise},
    choice{.kind = collective::reduce_scatter, .commutes = true, .by = algorithm_id::circulant},
    choice{.kind = collective::reduce_scatter, .by = algorithm_id::two_shot},
    choice{.kind = collective::gather, .by = algorithm_id::binomial},
    choice{.kind = collective::all_gather, .ranks = 4, .by = algorithm_id::two_shot},
    choice{.kind = collective::all_gather, .ranks = 8, .bytes = 1'048'576, .by = algorithm_id::two_shot},
    choice{.kind = collective::all_gather, .ranks = 8, .by = algorithm_id::ring},
    choice{.kind = collective::all_gather, .ranks = 64, .bytes = 1280, .by = algorithm_id::bruck},
    choice{.kind = collective::all_gather, .bytes = 128, .by = algorithm_id::bruck},
    choice{.kind = collective::all_gather, .by = algorithm_id::ring},
    choice{.kind = collective::scatter, .by = algorithm_id::binomial},
    choice{.kind = collective::all_to_all, .by = algorithm_id::pairwise},
    choice{.kind = collective::scan, .by = algorithm_id::hillis_steele},
    choice{.kind = collective::exclusive_scan, .by = algorithm_id::hillis_steele},
};

/// The first row that fits a call, or null. Local.
/// @param  bytes     of one part, as in `call::bytes`
/// @param  ranks     how many make the call
/// @param  commutes  whether the operation is known to; of no matter where there is none
constexpr choice const* find_choice(std::span<choice const> rows, collective kind, std::size_t bytes, int ranks, bool commutes) {
    for (choice const& row : rows)
        if (row.fits(kind, bytes, ranks, commutes)) return &row;
    return nullptr;
}

/// By what a table has a call made; `algorithm_id::own`: what the communicator does itself. Local.
constexpr algorithm_id choose(std::span<choice const> rows, collective kind, std::size_t bytes, int ranks, bool commutes) {
    auto const* const row = find_choice(rows, kind, bytes, ranks, commutes);
    return row ? row->by : algorithm_id::own;
}
constexpr algorithm_id choose(choice_table const& table, collective kind, std::size_t bytes, int ranks, bool commutes) {
    return choose(std::span{table.rows.data(), table.rows.size()}, kind, bytes, ranks, commutes);
}

namespace detail {

/// Collectives that have parts of one size and can be made by an algorithm.
constexpr bool can_be_chosen_for(collective kind) { return kind > collective::none && kind < collective::send; }

constexpr std::string_view word(algorithm_id which) { return which == algorithm_id::own ? "own" : name(which); }

}  // namespace detail
}  // namespace tutti
