#pragma once

#include <tutti/collectives/all_gather.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>
#include <tutti/train/deal.hpp>

#include <cstddef>
#include <exception>
#include <string>
#include <vector>

namespace tutti::detail {

/// Does what may throw while peers wait for this rank: ends their groups then, so that they are told even if the caller goes on.
/// @param  end  called as end(text)
template <class End, class Act>
void or_end(End end, Act act) {
    try {
        act();
    } catch (peer_failed const&) {
        throw;
    } catch (timeout_error const&) {
        throw;
    } catch (collective_mismatch const&) {
        throw;
    } catch (...) {
        end(text_of_exception());
        throw;
    }
}
template <class Comm, class Act>
void while_peers_wait(Comm& world, Act act) {
    or_end(
        [&](std::string const& text) {
            if (world.size() > 1) world.abort(text);
        },
        act);
}

/// Acts on every rank; where one refuses, so do all. Collective.
/// @tparam Argument  of `arguments_of`
/// @throws usage_error  on every rank, when `act` throws one on any;  what else `act` throws, on the rank where it does: that ends
///                      the group
template <class Argument, class Comm, class Act>
void together(Comm& world, Act act) {
    Argument length{};  // of this rank's reason and 1 more, where it refuses
    std::string reason;
    std::exception_ptr refusal;
    while_peers_wait(world, [&] {
        try {
            act();
        } catch (usage_error const& problem) {
            refusal = std::current_exception();
            reason = problem.what();
            length.bits = reason.size() + 1;
        }
    });
    if (world.size() == 1) {
        if (refusal) std::rethrow_exception(refusal);
        return;
    }
    std::vector<std::size_t> lengths;
    for (Argument const& each : all_gather(world, length)) lengths.push_back(static_cast<std::size_t>(each.bits));
    refuse_together(world, lengths, reason, refusal);
}

/// Acts, and keeps the first refusal of several acts: other groups go on with theirs, and are told afterwards.
template <class Act>
void keep_refusal(std::exception_ptr& refusal, Act act) {
    try {
        act();
    } catch (usage_error const&) {
        if (!refusal) refusal = std::current_exception();
    }
}
/// Makes what a rank of the group has refused a refusal of all of them. Collective.
template <class Argument, class Comm>
void tell_refusal(Comm& group, std::exception_ptr& refusal) {
    keep_refusal(refusal, [&] {
        together<Argument>(group, [&] {
            if (refusal) std::rethrow_exception(refusal);
        });
    });
}

}  // namespace tutti::detail
