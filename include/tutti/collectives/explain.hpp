#pragma once

#include <tutti/collectives/automatic.hpp>
#include <tutti/collectives/choice.hpp>
#include <tutti/collectives/costs.hpp>
#include <tutti/collectives/price.hpp>
#include <tutti/concepts/call.hpp>
#include <tutti/concepts/communicator.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tutti {
namespace comm {

class solo;
class threads;

}  // namespace comm

/// How a communicator performs collectives itself, in words; a backend may say it better.
template <class Comm>
inline constexpr std::string_view own_way = "it performs collectives itself";
template <>
inline constexpr std::string_view own_way<comm::solo> = "one rank has nobody to talk to, and copies at most";
template <>
inline constexpr std::string_view own_way<comm::threads> = "ranks read one another's buffers in place";

/// What to explain, besides the collective and its size.
struct explain_options {
    bool commutes = true;                     ///< whether the operation is known to; of no matter where there is none
    choice_table const* table = nullptr;      ///< as in `algorithm::chosen_by`; null: as in calls without an algorithm
    std::optional<alpha_beta_gamma> costs{};  ///< to predict by; none: the communicator's, else measured
};

namespace detail {

/// An algorithm that could make a call.
struct alternative {
    algorithm_id by;
    double seconds;
    bool can_run;
};

/// All that could, the fastest first.
template <class = void>
std::vector<alternative> alternatives(collective kind, std::size_t bytes, int ranks, bool commutes,
                                             alpha_beta_gamma const& costs) {
    std::vector<alternative> all;
    schedule_shape const shape{kind, ranks, kind == collective::barrier ? 0 : bytes, 0};
    for (auto const id : algorithm_ids)
        if (makes(id, kind)) {
            alternative const found{id, price(make_schedule(id, shape), costs, 1), !reduces(kind) || commutes || keeps_order(id)};
            auto at = all.end();
            while (at != all.begin() && found.seconds < (at - 1)->seconds) --at;
            all.insert(at, found);
        }
    return all;
}

/// A row in words: "row 3 of the table given: all_reduce, up to 4 ranks, up to 32768 bytes, any operation".
template <class = void>
std::string describe_row(std::span<choice const> rows, choice const& row, std::string_view table) {
    std::string text = "row " + std::to_string(&row - rows.data() + 1) + " of " + std::string{table} + ": ";
    text += name(row.kind);
    text += row.ranks == any_ranks ? ", any number of ranks" : ", up to " + std::to_string(row.ranks) + " ranks";
    if (row.kind != collective::barrier)
        text += row.bytes == any_bytes ? ", any size" : ", up to " + std::to_string(row.bytes) + " bytes";
    if (reduces(row.kind)) text += row.commutes ? ", operations that commute" : ", any operation";
    return text;
}

/// Columns: 0.512 and 1234.000 end at the same place.
template <class = void>
std::string microseconds(double seconds) {
    char text[64];
    std::snprintf(text, sizeof text, "%14.3f us", seconds * 1e6);
    return text;
}

template <class = void>
std::string describe(alpha_beta_gamma const& costs) {
    char text[160];
    std::snprintf(text, sizeof text, "%.3f us per message, %.4f ns per byte, %.4f ns per byte folded", costs.alpha * 1e6,
                  costs.beta * 1e9, costs.gamma * 1e9);
    return text;
}

/// Who makes a call, and why.
struct explained {
    algorithm_id by = algorithm_id::own;
    std::string why{};
};

template <class Comm>
explained explain_choice(Comm& world, collective kind, std::size_t bytes, explain_options const& options) {
    explained result;
    std::span<choice const> rows;
    std::string_view table;
    auto look_up = [&] {
        auto const* const row = find_choice(rows, kind, bytes, world.size(), options.commutes);
        result.by = row ? row->by : algorithm_id::own;
        if (!result.why.empty()) result.why += "; ";
        result.why += row ? describe_row(rows, *row, table) : "no row of " + std::string{table} + " fits";
    };
    if (options.table) {
        rows = options.table->rows, table = "the table given";
        look_up();
    } else if constexpr (has_choices<Comm>) {
        rows = world.choices().rows, table = "the communicator's table";
        look_up();
    }
    if (result.by != algorithm_id::own) return result;
    if constexpr (performs_collectives<Comm>) {
        if (!result.why.empty()) result.why += "; ";
        result.why += "the communicator's own: " + std::string{own_way<Comm>};
    } else {
        rows = message_choices, table = "the table for messages";
        look_up();
    }
    return result;
}

}  // namespace detail

/// How a call without an algorithm, or by a table, is made here, why, and how long each alternative would take by `price`, fastest
/// first: text in columns, a line each. Equal on all ranks. Local, but where costs have to be measured: then collective.
/// @param  bytes  of one part, as in `call::bytes`; of no matter for a barrier
/// @throws usage_error  when `kind` is no collective, or the table names an algorithm that cannot make the call
/// Cost:   that of the prices, ranks^2 per algorithm; that of `measure_costs`, where these are not known
template <communicator Comm>
[[nodiscard]] std::string explain(Comm& world, collective kind, std::size_t bytes, explain_options const& options = {}) {
    if (!detail::can_be_chosen_for(kind))
        detail::raise<usage_error>({"tutti: explain: ", name(kind), " is made by no algorithm"});
    if (kind == collective::barrier) bytes = 0;
    auto const found = detail::explain_choice(world, kind, bytes, options);
    algorithm_id const by = found.by;
    bool const ordered = reduces(kind) && !options.commutes;
    if (by != algorithm_id::own && (!makes(by, kind) || (ordered && !keeps_order(by))))
        detail::raise<usage_error>({"tutti: explain: ", name(kind), ": ", found.why, ", names ", detail::word(by),
                                    ", which cannot make it"});

    alpha_beta_gamma costs;
    std::string_view source = "given";
    if (options.costs) costs = *options.costs;
    else if constexpr (has_costs<Comm>) costs = world.costs(), source = "the communicator's";
    else costs = measure_costs(world), source = "measured";

    std::string text{name(kind)};
    if (kind != collective::barrier) text += " of " + std::to_string(bytes) + " bytes";
    text += " on " + std::to_string(world.size()) + (world.size() == 1 ? " rank" : " ranks");
    if (reduces(kind)) text += options.commutes ? ", with an operation that commutes" : ", with an operation that need not commute";
    text += "\nchoice    " + std::string{detail::word(by)};
    text += "\nreason    " + found.why;
    text += "\ncosts     " + detail::describe(costs) + " (" + std::string{source} + ")\n";
    constexpr std::size_t width = 20;
    detail::append_column(text, "algorithm", width);
    text += "        predicted\n";
    auto add = [&](algorithm_id which, std::string const& time, char const* remark) {
        detail::append_column(text, detail::word(which), width);
        text += time + (which == by ? "  chosen" : remark) + "\n";
    };
    for (auto const& each : detail::alternatives(kind, bytes, world.size(), options.commutes, costs))
        add(each.by, detail::microseconds(each.seconds), each.can_run ? "" : "  needs an operation that commutes");
    if constexpr (performs_collectives<Comm>) add(algorithm_id::own, "          unknown", "");
    return text;
}

}  // namespace tutti
