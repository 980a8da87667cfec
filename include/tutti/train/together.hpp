#pragma once

#include <tutti/collectives/all_gather.hpp>
#include <tutti/error.hpp>
#include <tutti/train/deal.hpp>

#include <cstddef>
#include <exception>
#include <string>
#include <vector>

namespace tutti::detail {

/// Acts on every rank; where one refuses, so do all. Collective.
/// @tparam Argument  of `arguments_of`
/// @throws usage_error  on every rank, when `act` throws one on any;  what else `act` throws, on the rank where it does
template <class Argument, class Comm, class Act>
void together(Comm& world, Act act) {
    Argument length{};  // of this rank's reason and 1 more, where it refuses
    std::string reason;
    std::exception_ptr refusal;
    try {
        act();
    } catch (usage_error const& problem) {
        if (world.size() == 1) throw;
        refusal = std::current_exception();
        reason = problem.what();
        length.bits = reason.size() + 1;
    }
    if (world.size() == 1) return;
    std::vector<std::size_t> lengths;
    for (Argument const& each : all_gather(world, length)) lengths.push_back(static_cast<std::size_t>(each.bits));
    refuse_together(world, lengths, reason, refusal);
}

}  // namespace tutti::detail
