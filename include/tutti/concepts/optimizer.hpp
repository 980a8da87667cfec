#pragma once

#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <concepts>
#include <cstdint>

namespace tutti {

/// How one parameter moves, given its gradient and up to two numbers of state that start at 0.
/// @param parameter, gradient  of type T;  the state slots are references to T
template <class Update, class T>
concept parameter_update = std::invocable<Update const&, T&, T> || std::invocable<Update const&, T&, T, T&> ||
                           std::invocable<Update const&, T&, T, T&, T&>;

/// An optimiser: settings, the number of state slots it wants per parameter (0, 1 or 2), and for each step an update that is
/// mapped over whatever slice of the parameters this rank owns. It never sees communicators.
/// `at<T>(step)` gives the update of the step-th step, counted from 1, in arithmetic of type T.
/// Laws: a pure function of its arguments, so that replicas stay equal; elements do not depend on one another.
/// May also have `settings()`, a range of numbers that tell it from others of its type: what ranks compare, besides its first step.
/// @throws usage_error  from `check()`, when a setting makes no sense
template <class Optimizer, class T>
concept optimizer = requires(Optimizer const& rule, std::int64_t step) {
    { rule.slots() } -> std::convertible_to<int>;
    { rule.template at<T>(step) } -> parameter_update<T>;
    rule.check();
};

namespace detail {

/// @throws usage_error  unless `slots` is 0, 1 or 2
template <class = void>
void check_slots(int slots) {
    if (slots < 0 || slots > 2) raise<usage_error>({"tutti: an optimiser has 0, 1 or 2 state slots, not ", slots});
}

/// Calls `map(slots...)` with the first `count` of two slots, in whatever form they are.
/// @throws usage_error  when `Update` does not take so many
template <class Update, class T, class Slot, class Map>
void with_slots(int count, Slot first, Slot second, Map map) {
    if constexpr (std::invocable<Update const&, T&, T, T&, T&>)
        if (count == 2) return map(first, second);
    if constexpr (std::invocable<Update const&, T&, T, T&>)
        if (count == 1) return map(first);
    if constexpr (std::invocable<Update const&, T&, T>)
        if (count == 0) return map();
    raise<usage_error>({"tutti: the optimiser asks for ", count, " state slots and has no update that takes so many"});
}

}  // namespace detail
}  // namespace tutti
