#pragma once

#include <tutti/collectives/schedule.hpp>
#include <tutti/concepts/call.hpp>
#include <tutti/concepts/communicator.hpp>
#include <tutti/concepts/memory_space.hpp>
#include <tutti/concepts/message_rounds.hpp>
#include <tutti/concepts/operation.hpp>
#include <tutti/concepts/pending.hpp>
#include <tutti/detail/aligned_bytes.hpp>
#include <tutti/detail/copy_bytes.hpp>
#include <tutti/detail/text.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace tutti {

struct choice_table;

/// Has a table of its own, in which each call looks up its algorithm: `static choice_table const& choices()`, equal on all ranks.
template <class Comm>
concept has_choices = requires(Comm& world) {
    { world.choices() } -> std::same_as<choice_table const&>;
};

namespace algorithm {

/// Lets the communicator choose: by its own table where it has one, else what it performs itself, else, where it only exchanges
/// messages, by the table for those.
struct automatic {};

/// Lets a table choose, by collective, bytes, number of ranks and whether the operation commutes. Needs
/// <tutti/collectives/automatic.hpp>. A type apart from `automatic`, so that calls without a table know so at compile time.
/// @pre  the table is equal on all ranks and outlives the call
struct chosen_by {
    explicit constexpr chosen_by(choice_table const& all) : table{&all} {}
    explicit chosen_by(choice_table const&&) = delete;

    choice_table const* table;
};

}  // namespace algorithm

namespace detail {

/// Lets elements come in from this rank's own memory.
template <class = void>
void take_own(call const& what, step::action how, std::byte* at, std::byte const* from, std::size_t count) {
    if (how == step::action::copy) {
        if (at != from) copy_bytes(at, from, count * what.type->size);
        return;
    }
    std::array<std::byte const*, 2> both{from, at};
    if (how == step::action::after) std::swap(both[0], both[1]);
    what.reduce->fold(what.operation, &at, 1, both.data(), 2, 0, count);
}

constexpr message::action as_message(step::action what) {
    switch (what) {
    case step::action::receive:
        return message::action::receive;
    case step::action::receive_before:
        return message::action::receive_before;
    case step::action::receive_after:
        return message::action::receive_after;
    default:
        return message::action::send;
    }
}

/// A rank's part of a schedule on its way: does what is local, and says what is to be exchanged next.
template <class = void>
class execution final : public message_rounds {
public:
    execution(call const& what, rank_schedule mine) : what_{what}, mine_{std::move(mine)} {
        if (!what_.type) {  // the messages of a barrier are made of a token
            what_.type = &element_type_of<std::byte>;
            what_.in = &token_;
        }
        scratch_ = aligned_bytes{mine_.scratch * what_.type->size, what_.type->alignment};
    }
    execution(execution const&) = delete;
    execution& operator=(execution const&) = delete;

    /// What the messages are part of.
    call const& what() const override { return what_; }

    /// Works up to the next round of messages; empty once all is done. The messages are valid until the next call.
    std::span<message const> next() override {
        round_.clear();
        while (round_.empty() && next_ < mine_.steps.size()) {
            int const round = mine_.steps[next_].round;
            for (; next_ < mine_.steps.size() && mine_.steps[next_].round == round; ++next_) {
                step const& now = mine_.steps[next_];
                if (now.transfers())
                    round_.push_back({as_message(now.what), now.peer, address(now.at), now.count, lane::schedules});
                else take_own(what_, now.what, address(now.at), address(now.from), now.count);
            }
        }
        return {round_.data(), round_.size()};
    }

private:
    std::byte* address(place at) const {
        // A sound schedule only reads its input.
        std::byte* const base = at.where == memory::in    ? const_cast<std::byte*>(what_.in)
                                : at.where == memory::out ? what_.out
                                                          : scratch_.data();
        return base + at.first * what_.type->size;
    }

    call what_;
    rank_schedule mine_;
    aligned_bytes scratch_;
    std::vector<message> round_;
    std::size_t next_ = 0;
    std::byte token_{};
};

}  // namespace detail

namespace detail {

/// A rank's part of a schedule in a group. Peers wait for what this rank folds, so what fails here ends the group.
template <class Comm>
class group_execution final : public message_rounds {
public:
    group_execution(Comm& world, call const& what, rank_schedule mine) : world_{world}, steps_{what, std::move(mine)} {}
    call const& what() const override { return steps_.what(); }
    std::span<message const> next() override {
        try {
            return steps_.next();
        } catch (...) {
            if (world_.size() > 1) world_.abort(text_of_exception());
            throw;
        }
    }

private:
    Comm& world_;
    execution<> steps_;
};

}  // namespace detail

/// Performs a call by a schedule, over messages: compares it with the peers', then works through the rounds. Collective.
/// @param  mine  this rank's part of a schedule that `verify` finds sound
/// Cost:   one round of flags, then that of the schedule; room for `mine.scratch` elements
template <communicator Comm>
void execute(Comm& world, call const& what, rank_schedule mine) {
    world.announce(what);
    detail::group_execution under_way{world, what, std::move(mine)};
    for (auto round = under_way.next(); !round.empty(); round = under_way.next()) world.exchange(round, under_way.what());
}

/// Starts a call by a schedule; it is performed at once where the communicator cannot start schedules. Collective.
/// @param  kept  keeps alive what the call points to besides its buffers
template <communicator Comm>
[[nodiscard]] pending start_execute(Comm& world, call const& what, rank_schedule mine, std::shared_ptr<void const> kept) {
    if constexpr (starts_schedules<Comm>) {
        auto rounds = std::make_unique<detail::group_execution<Comm>>(world, what, std::move(mine));
        return world.start_schedule(what, std::move(rounds), std::move(kept));
    } else {
        execute(world, what, std::move(mine));
        return {};
    }
}

namespace detail {

/// What the choice at run time needs: every algorithm. Defined in tutti/collectives/automatic.hpp.
template <class Comm>
struct run_time_choice;

/// The same, or a sentence that says what to include.
template <class Comm>
struct required_choice {
    static_assert(requires { sizeof(run_time_choice<Comm>); },
                  "tutti: what chooses an algorithm at run time, a table or a communicator without collectives of its own, needs "
                  "all of them: #include <tutti/collectives/automatic.hpp>");
    using type = run_time_choice<Comm>;
};

/// Performs a call as the communicator chooses. Inlined, since what the call's own place knows of it saves a backend questions.
template <class Comm>
[[gnu::always_inline]] inline void perform(Comm& world, call const& what) {
    if constexpr (performs_collectives<Comm> && !has_choices<Comm>) world.perform(what);
    else required_choice<Comm>::type::perform(world, what);
}

/// The same of a call whose kind and types are known, and whose parts do not differ.
template <collective Kind, class T = void, class Operation = void, class Comm>
[[gnu::always_inline]] inline void perform(Comm& world, call const& what) {
    if constexpr (performs_typed_collectives<Comm> && !has_choices<Comm>) world.template perform<Kind, T, Operation>(what);
    else detail::perform(world, what);
}

/// Starts a call as the communicator chooses; it is performed at once where the communicator does not start it itself.
template <class Comm>
[[nodiscard]] pending start(Comm& world, call const& what, std::shared_ptr<void const> kept) {
    if constexpr (!starts_collectives<Comm>) {
        detail::perform(world, what);
        return {};
    } else if constexpr (!has_choices<Comm>) {
        return world.start(what, std::move(kept));
    } else {
        return required_choice<Comm>::type::start(world, what, std::move(kept));
    }
}

/// This rank's part of a call of kind `Kind` by `algorithm`, which the call then names.
template <collective Kind, class T, class Operation, class Comm, class Algorithm>
rank_schedule steps_by(Algorithm const& algorithm, Comm& world, call& what) {
    static_assert(reaches<Comm>(memory_space::host),
                  "tutti: a schedule folds and copies on the host, and this communicator reaches device memory alone: leave the "
                  "algorithm out, and the communicator chooses its own");
    static_assert(Algorithm::makes(Kind),
                  "tutti: this algorithm does not make this collective; see tutti/collectives/algorithm/ for those that do");
    if constexpr (reduces(Kind))
        static_assert(
            Algorithm::keeps_order || commutes<Operation, T>,
            "tutti: this algorithm folds in another order than the ranks', and the operation is not known to commute: use "
            "another algorithm, or say that it does: tutti::commutative{operation}");
    what.algorithm = Algorithm::id;
    what.settings = settings_of(algorithm);
    return algorithm.steps(schedule_shape{Kind, world.size(), what.count, what.root < 0 ? 0 : what.root}, world.rank());
}

/// Performs a call of kind `Kind` by the algorithm that was asked for.
template <collective Kind, class T, class Operation = void, class Comm, class Algorithm>
[[gnu::always_inline]] inline void perform(Comm& world, call what, Algorithm const& algorithm) {
    if constexpr (std::is_same_v<Algorithm, tutti::algorithm::automatic>) {
        detail::perform<Kind, T, Operation>(world, what);
    } else if constexpr (std::is_same_v<Algorithm, tutti::algorithm::chosen_by>) {
        required_choice<Comm>::type::perform(world, what, *algorithm.table);
    } else {
        auto mine = steps_by<Kind, T, Operation>(algorithm, world, what);
        execute(world, what, std::move(mine));
    }
}

/// Starts a call of kind `Kind` by the algorithm that was asked for.
template <collective Kind, class T, class Operation = void, class Comm, class Algorithm>
[[nodiscard]] pending start(Comm& world, call what, std::shared_ptr<void const> kept, Algorithm const& algorithm) {
    if constexpr (std::is_same_v<Algorithm, tutti::algorithm::automatic>) {
        return detail::start(world, what, std::move(kept));
    } else if constexpr (std::is_same_v<Algorithm, tutti::algorithm::chosen_by>) {
        return required_choice<Comm>::type::start(world, what, std::move(kept), *algorithm.table);
    } else {
        auto mine = steps_by<Kind, T, Operation>(algorithm, world, what);
        return start_execute(world, what, std::move(mine), std::move(kept));
    }
}

}  // namespace detail
}  // namespace tutti
