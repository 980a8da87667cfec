#pragma once

/// The choice of an algorithm at run time: what `algorithm::chosen_by` needs, and every collective on a communicator that has a
/// table of its own or only exchanges messages. Apart from execute.hpp, since it needs every algorithm.

#include <tutti/collectives/algorithms.hpp>
#include <tutti/collectives/choice_table.hpp>
#include <tutti/collectives/direct.hpp>
#include <tutti/collectives/execute.hpp>
#include <tutti/concepts/call.hpp>
#include <tutti/concepts/communicator.hpp>
#include <tutti/concepts/pending.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <memory>
#include <span>
#include <string>
#include <utility>

namespace tutti::detail {

/// Whether a call's algorithm may fold in any order.
inline bool may_reorder(call const& what) { return !what.reduce || what.reduce->commutes; }

/// @throws usage_error  when the algorithm does not make the call, or folds in an order that its operation does not allow
template <class = void>
void check_choice(algorithm_id by, call const& what) {
    auto fail = [&](std::string const& why) {
        raise<usage_error>({"tutti: ", describe(what), ": a table names ", word(by), ", which ", why});
    };
    if (!makes(by, what.kind)) fail("is not known to make this collective; tutti::makes tells which algorithms do");
    if (!may_reorder(what) && !keeps_order(by))
        fail("folds in another order than the ranks', and the operation is not known to commute: let the row require that, or say "
             "that it does: tutti::commutative{operation}");
}

/// What one rank does in a call by an algorithm that a table names, or by the best for parts that differ.
/// @throws usage_error  as check_choice
template <class = void>
rank_schedule chosen_steps(algorithm_id by, call const& what, int rank, int ranks) {
    if (what.counts) return direct_steps(what, rank, ranks);
    check_choice(by, what);
    return steps_of(by, {what.kind, ranks, what.count, what.root < 0 ? 0 : what.root}, rank);
}

/// What makes a call where a communicator has nothing better than messages.
template <class = void>
algorithm_id choose_for_messages(call const& what, int ranks) {
    return choose(message_choices, what.kind, what.bytes(), ranks, may_reorder(what));
}

template <class Comm>
struct run_time_choice {
    /// By the communicator's own table, if it has one. Collective.
    static void perform(Comm& world, call const& what) {
        if constexpr (has_choices<Comm>) perform(world, what, world.choices());
        else perform_by(world, what, algorithm_id::own);
    }
    static void perform(Comm& world, call const& what, choice_table const& table) {
        perform_by(world, what, chosen(world, what, table));
    }
    /// What the communicator cannot start is performed at once. Collective.
    static pending start(Comm& world, call const& what, std::shared_ptr<void const> kept) {
        return start(world, what, std::move(kept), world.choices());
    }
    static pending start(Comm& world, call what, std::shared_ptr<void const> kept, choice_table const& table) {
        auto const by = chosen(world, what, table);
        if (by == algorithm_id::own) {
            if constexpr (starts_collectives<Comm>) return world.start(what, std::move(kept));
            perform_by(world, what, by);
            return {};
        }
        auto mine = steps_by(by, world, what);
        return start_execute(world, what, std::move(mine), std::move(kept));
    }
    /// By one algorithm, or as the communicator does itself. Collective.
    /// @throws usage_error  as check_choice, before anything is sent
    static void perform_by(Comm& world, call what, algorithm_id by) {
        if (by == algorithm_id::own) {
            if constexpr (performs_collectives<Comm>) return world.perform(what);
            by = choose_for_messages(what, world.size());
        }
        auto mine = steps_by(by, world, what);
        execute(world, what, std::move(mine));
    }

private:
    static rank_schedule steps_by(algorithm_id by, Comm& world, call& what) {
        auto mine = chosen_steps(by, what, world.rank(), world.size());
        if (!what.counts) what.algorithm = by, what.settings = settings_of(by);
        return mine;
    }
    /// No table is for parts that differ.
    static algorithm_id chosen(Comm& world, call const& what, choice_table const& table) {
        if (what.counts) return algorithm_id::own;
        return choose(table, what.kind, what.bytes(), world.size(), may_reorder(what));
    }
};

}  // namespace tutti::detail
