#pragma once

#include <tutti/concepts/call.hpp>
#include <tutti/concepts/communicator.hpp>
#include <tutti/detail/aligned_bytes.hpp>
#include <tutti/error.hpp>

#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

namespace tutti::detail {

/// Performs a gather, all_gather, scatter, all_to_all or reduce_scatter, of parts that differ or not, by messages straight from
/// each rank to each: for communicators that have nothing better. Needs `announce` and `exchange` alone. Collective.
/// @throws usage_error  when the call is another collective;  what `announce` and `exchange` throw
/// Cost:   one round, up to p - 1 messages in and out per rank; a reduce_scatter needs room for p parts of its result
/// Order:  rank order, in one fold
template <communicator Comm>
void perform_directly(Comm& world, call const& what) {
    auto const me = static_cast<std::size_t>(world.rank()), ranks = static_cast<std::size_t>(world.size());
    auto const root = static_cast<std::size_t>(what.root), size = what.type ? what.type->size : 0;
    bool const folds = what.kind == collective::reduce_scatter;
    if (!folds && what.kind != collective::gather && what.kind != collective::all_gather && what.kind != collective::scatter &&
        what.kind != collective::all_to_all)
        throw usage_error{"tutti: " + describe(what) + " has no parts that could go straight from rank to rank"};
    world.announce(what);

    auto sent_to = [&](std::size_t peer) -> std::size_t {
        bool const sends = what.kind == collective::gather ? peer == root : what.kind != collective::scatter || me == root;
        if (!sends) return 0;
        return what.counts ? what.counts[brings_parts(what.kind) ? peer : me] : what.count;
    };
    auto received_from = [&](std::size_t peer) -> std::size_t {
        bool const receives = what.kind == collective::scatter ? peer == root : what.kind != collective::gather || me == root;
        if (!receives) return 0;
        if (!what.counts) return what.count;
        return what.receive_counts ? what.receive_counts[peer] : what.counts[gets_parts(what.kind) ? peer : me];
    };
    // What is folded must lie beside what is brought, as the result may replace a part of it.
    aligned_bytes const room{folds ? ranks * received_from(me) * size : 0, what.type->alignment};
    std::byte* const to = folds ? room.data() : what.out;
    bool const parts_out = brings_parts(what.kind), parts_in = folds || gets_parts(what.kind);

    std::vector<message> round;
    std::vector<std::byte const*> sources(ranks);
    std::size_t out_at = 0, in_at = 0;
    for (std::size_t peer = 0; peer < ranks; ++peer) {
        std::size_t const sent = sent_to(peer), received = received_from(peer);
        std::byte const* const from = sent != 0 && parts_out ? what.in + out_at * size : what.in;
        std::byte* const into = received != 0 && parts_in ? to + in_at * size : to;
        out_at += sent, in_at += received;
        sources[peer] = peer == me && folds ? from : into;
        if (peer != me) {
            // A send only reads what it is given.
            if (sent != 0) round.push_back({message::action::send, static_cast<int>(peer), const_cast<std::byte*>(from), sent});
            if (received != 0) round.push_back({message::action::receive, static_cast<int>(peer), into, received});
        } else if (received != 0 && !folds && into != from) {
            std::memcpy(into, from, received * size);
        }
    }
    if (!round.empty()) world.exchange(round, what);
    if (std::size_t const count = received_from(me); folds && count != 0)
        what.reduce->fold(what.operation, &what.out, 1, sources.data(), static_cast<int>(ranks), 0, count);
}

}  // namespace tutti::detail
