#pragma once

#include <tutti/collectives/execute.hpp>
#include <tutti/collectives/schedule.hpp>
#include <tutti/concepts/call.hpp>
#include <tutti/concepts/communicator.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <cstddef>

namespace tutti::detail {

/// What one rank does in a gather, all_gather, scatter, all_to_all or reduce_scatter, of parts that differ or not, when every part
/// goes straight from rank to rank.
/// @throws usage_error  when the call is another collective
/// Cost:   one round, up to p - 1 messages in and out per rank; a reduce_scatter needs room for p parts of its result
/// Order:  rank order, in one fold
inline rank_schedule direct_steps(call const& what, int rank, int ranks) {
    bool const folds = what.kind == collective::reduce_scatter;
    if (!folds && what.kind != collective::gather && what.kind != collective::all_gather && what.kind != collective::scatter &&
        what.kind != collective::all_to_all)
        raise<usage_error>({"tutti: ", describe(what), " has no parts that could go straight from rank to rank"});

    auto sent_to = [&](int peer) -> std::size_t {
        bool const sends = what.kind == collective::gather ? peer == what.root : what.kind != collective::scatter || rank == what.root;
        if (!sends) return 0;
        return what.counts ? what.counts[brings_parts(what.kind) ? peer : rank] : what.count;
    };
    auto received_from = [&](int peer) -> std::size_t {
        bool const receives = what.kind == collective::scatter ? peer == what.root : what.kind != collective::gather || rank == what.root;
        if (!receives) return 0;
        if (!what.counts) return what.count;
        return what.receive_counts ? what.receive_counts[peer] : what.counts[gets_parts(what.kind) ? peer : rank];
    };

    rank_schedule mine;
    // What is folded must lie beside what is brought, as the result may replace a part of it.
    memory const landing = folds ? memory::scratch : memory::out;
    bool const parts_out = brings_parts(what.kind), parts_in = folds || gets_parts(what.kind);
    std::size_t out_at = 0, in_at = 0;
    for (int peer = 0; peer < ranks; ++peer) {
        place const from{memory::in, parts_out ? out_at : 0}, into{landing, parts_in ? in_at : 0};
        std::size_t const sent = sent_to(peer), received = received_from(peer);
        out_at += sent, in_at += received;
        if (peer == rank) mine.local(0, into, from, received);
    }
    out_at = in_at = 0;
    for (int peer = 0; peer < ranks; ++peer) {
        place const from{memory::in, parts_out ? out_at : 0}, into{landing, parts_in ? in_at : 0};
        std::size_t const sent = sent_to(peer), received = received_from(peer);
        out_at += sent, in_at += received;
        if (peer == rank) continue;
        mine.send(1, peer, from, sent);
        mine.receive(1, peer, into, received);
    }
    if (!folds) return mine;
    mine.scratch = in_at;
    std::size_t const count = received_from(rank);
    for (int peer = 0; peer < ranks; ++peer)
        mine.local(2 + peer, {memory::out, 0}, {memory::scratch, static_cast<std::size_t>(peer) * count}, count,
                   peer == 0 ? step::action::copy : step::action::after);
    return mine;
}

/// Performs such a call on a communicator that has nothing better. Collective.
/// @throws usage_error  when the call is another collective;  what `announce` and `exchange` throw
template <communicator Comm>
void perform_directly(Comm& world, call const& what) {
    execute(world, what, direct_steps(what, world.rank(), world.size()));
}

}  // namespace tutti::detail
