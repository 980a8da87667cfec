#pragma once

#include <tutti/collectives/execute.hpp>
#include <tutti/collectives/make_call.hpp>
#include <tutti/collectives/parts.hpp>
#include <tutti/concepts/communicator.hpp>
#include <tutti/concepts/elements.hpp>
#include <tutti/detail/least_standard.hpp>
#include <tutti/detail/text.hpp>

#include <cstddef>
#include <memory>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

namespace tutti {
namespace detail {

template <class Comm, class In, class Out>
call all_to_all_call(Comm& world, In const& in, Out&& out) {
    std::size_t const whole = size_of(in), ranks = static_cast<std::size_t>(world.size());
    auto const what = make_call(collective::all_to_all, in, std::forward<Out>(out), whole / ranks);
    if (whole % ranks != 0)
        raise<usage_error>({"tutti: all_to_all: the input has ", whole, " elements, which ", ranks,
                            " ranks cannot share evenly"});
    check_buffers("all_to_all", in, whole, out, whole, whole);  // no place of the output is also the input's: never in place
    return what;
}

template <class Comm, class In, class SendCounts, class Out, class ReceiveCounts>
call all_to_all_v_call(Comm& world, In const& in, SendCounts const& send_counts, Out&& out, ReceiveCounts const& receive_counts) {
    auto const sent = part_among<element_t<In>>("all_to_all_v", send_counts, world);
    auto const received = part_among<element_t<In>>("all_to_all_v", receive_counts, world);
    auto what = make_call(collective::all_to_all, in, std::forward<Out>(out), std::max(sent.largest, received.largest));
    what.counts = sent.counts;
    what.receive_counts = received.counts;
    check_buffers("all_to_all_v", in, sent.whole, out, received.whole, std::max(sent.whole, received.whole));  // never in place
    return what;
}

}  // namespace detail

/// Part k of `out` of rank r is part r of rank k's `in`. Collective.
/// @param  in   ranks x n elements: one part for each rank
/// @param  out  ranks x n elements, apart from `in`
/// @throws usage_error  on the rank whose sizes do not fit;  collective_mismatch, peer_failed, timeout_error  on every rank
/// Cost:   threads: pn elements copied per rank, above 544 B (two ranks: 160 B) straight from the peers' buffers
template <communicator Comm, elements_for<Comm> In, elements_for<Comm> Out, class Algorithm = algorithm::automatic>
void all_to_all(Comm& world, In const& in, Out&& out, Algorithm algorithm = {}) {
    detail::perform<collective::all_to_all, element_t<In>>(world, detail::all_to_all_call(world, in, std::forward<Out>(out)),
                                                           algorithm);
}

/// Starts an all_to_all; `in` and `out` belong to it until `wait` returns. Collective.
template <communicator Comm, elements_for<Comm> In, elements_for<Comm> Out, class Algorithm = algorithm::automatic>
[[nodiscard]] pending start_all_to_all(Comm& world, In const& in, Out&& out, Algorithm algorithm = {}) {
    auto const what = detail::all_to_all_call(world, in, std::forward<Out>(out));
    return detail::start<collective::all_to_all, element_t<In>>(world, what, nullptr, algorithm);
}

/// Part k of `out` of rank r is part r of rank k's `in`, where parts have different numbers of elements. Collective.
/// @param  in              sum of send_counts elements, parts one after another in rank order
/// @param  send_counts     elements for each rank, one number per rank, 0 included
/// @param  out             sum of receive_counts elements, apart from `in`
/// @param  receive_counts  elements from each rank, one number per rank: what that rank sends here
/// @throws usage_error  on the rank whose sizes do not fit its counts
/// @throws collective_mismatch  on every rank, when any rank sends another number than its receiver expects
/// @throws peer_failed, timeout_error  on every rank
/// Cost:   that of an all_to_all, and p*p counts compared on every rank
template <communicator Comm, elements_for<Comm> In, contiguous_elements SendCounts, elements_for<Comm> Out,
          contiguous_elements ReceiveCounts>
void all_to_all_v(Comm& world, In const& in, SendCounts const& send_counts, Out&& out, ReceiveCounts const& receive_counts) {
    detail::perform(world, detail::all_to_all_v_call(world, in, send_counts, std::forward<Out>(out), receive_counts));
}

/// Starts an all_to_all_v; `in` and `out` belong to it until `wait` returns. The counts are copied. Collective.
template <communicator Comm, elements_for<Comm> In, contiguous_elements SendCounts, elements_for<Comm> Out,
          contiguous_elements ReceiveCounts>
[[nodiscard]] pending start_all_to_all_v(Comm& world, In const& in, SendCounts const& send_counts, Out&& out,
                                         ReceiveCounts const& receive_counts) {
    using both = std::pair<std::vector<std::size_t>, std::vector<std::size_t>>;
    auto const kept = std::make_shared<both const>(detail::copy_of_counts(send_counts), detail::copy_of_counts(receive_counts));
    return detail::start(world, detail::all_to_all_v_call(world, in, kept->first, std::forward<Out>(out), kept->second), kept);
}

}  // namespace tutti
