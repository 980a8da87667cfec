#pragma once

#include <tutti/concepts/element_type.hpp>
#include <tutti/concepts/memory_space.hpp>
#include <tutti/concepts/reduction.hpp>
#include <tutti/detail/text.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tutti {

/// What a rank may call: the collectives, messages between two ranks, and what makes groups.
enum class collective : std::uint8_t {
    none,
    barrier,
    broadcast,
    reduce,
    all_reduce,
    reduce_scatter,
    gather,
    all_gather,
    scatter,
    all_to_all,
    scan,
    exclusive_scan,
    send,
    receive,
    exchange,
    split,
    split_by_host,
    detach,
    allocate
};

namespace detail {

inline constexpr std::string_view collective_names[] = {"no call",        "barrier",        "broadcast",  "reduce",  "all_reduce",
                                                        "reduce_scatter", "gather",         "all_gather", "scatter", "all_to_all",
                                                        "scan",           "exclusive_scan", "send",       "receive", "exchange",
                                                        "split",          "split_by_host",  "detach",     "allocate"};

}  // namespace detail

/// The name of a collective as it is called in code.
constexpr std::string_view name(collective kind) { return detail::collective_names[static_cast<std::size_t>(kind)]; }

/// By which algorithm a call is made: the communicator's own, or a schedule over messages.
enum class algorithm_id : std::uint8_t {
    automatic,
    ring,
    recursive_doubling,
    rabenseifner,
    binomial,
    bruck,
    pairwise,
    circulant,
    hillis_steele,
    recursive_halving,
    dissemination,
    scatter_all_gather,
    double_tree,
    one_shot,
    two_shot,
    segmented_ring,
    hierarchical,
    own
};

namespace detail {

inline constexpr std::string_view algorithm_names[] = {
    "automatic",
    "ring",
    "recursive_doubling",
    "rabenseifner",
    "binomial",
    "bruck",
    "pairwise",
    "circulant",
    "hillis_steele",
    "recursive_halving",
    "dissemination",
    "scatter_all_gather",
    "double_tree",
    "one_shot",
    "two_shot",
    "segmented_ring",
    "hierarchical",
    "an algorithm of its own"};

}  // namespace detail

constexpr std::string_view name(algorithm_id which) { return detail::algorithm_names[static_cast<std::size_t>(which)]; }

/// Whether a call is made by a rank and its peers in a message, and not by the whole group.
constexpr bool is_message(collective kind) {
    return kind == collective::send || kind == collective::receive || kind == collective::exchange;
}

/// Whether each rank brings a part for every rank.
constexpr bool brings_parts(collective kind) {
    return kind == collective::reduce_scatter || kind == collective::scatter || kind == collective::all_to_all;
}
/// Whether a rank that gets a result gets a part from every rank.
constexpr bool gets_parts(collective kind) {
    return kind == collective::gather || kind == collective::all_gather || kind == collective::all_to_all;
}

/// Whether elements of different ranks are folded.
constexpr bool reduces(collective kind) {
    return kind == collective::reduce || kind == collective::all_reduce || kind == collective::reduce_scatter ||
           kind == collective::scan || kind == collective::exclusive_scan;
}

/// One collective call of one rank, free of element types: what performs it moves bytes.
struct call {
    collective kind = collective::none;
    element_type const* type = nullptr;  ///< null for a barrier
    std::byte const* in = nullptr;       ///< what this rank brings; unused where it only receives
    std::byte* out = nullptr;            ///< where the result goes; may equal `in`
    std::size_t count = 0;               ///< elements of one part, equal on all ranks; of the largest where parts differ
    int root = -1;                       ///< the rank that sends or receives for all, or -1
    reduction const* reduce = nullptr;   ///< null unless the call reduces
    void const* operation = nullptr;     ///< the callable behind `reduce`
    algorithm_id algorithm = algorithm_id::automatic;
    memory_space where = memory_space::host;  ///< of `in` and `out`
    std::uint64_t settings = 0;          ///< of the algorithm: equal where they are, 0 where it has none
    /// Where parts differ (the `_v` forms), how many elements each rank's part has, one number per rank, equal on all ranks; for
    /// all_to_all, how many this rank sends to each, and `count` is the largest number of this rank alone. Else null.
    std::size_t const* counts = nullptr;
    std::size_t const* receive_counts = nullptr;  ///< for an all_to_all whose parts differ, how many come from each rank

    /// Bytes of one part, the largest.
    std::size_t bytes() const { return type ? count * type->size : 0; }
};

/// Messages from one rank to another arrive in the order of their calls if they are in the same lane. Lanes do not wait for one
/// another: a message that was started before a collective may be met by one sent after it, whatever messages the collective is
/// made of.
namespace lane {
inline constexpr int own = 0;        ///< of `send`, `receive` and `exchange`
inline constexpr int schedules = 1;  ///< of collectives that are made by a schedule
inline constexpr int offers = 2;     ///< of `comm::checked`: what a sender says of its next message
inline constexpr int answers = 3;    ///< and what the receiver expects
inline constexpr int compared = 4;   ///< and the message itself, the k-th of a sender to a receiver in lane compared + k % numbers
inline constexpr int numbers = 8192;
inline constexpr int kinds = 5;
}  // namespace lane

/// One message of a rank: elements that go to a peer, or that come from one and replace or join those at `data`.
struct message {
    enum class action : std::uint8_t { send, receive, receive_before, receive_after };
    action what = action::send;
    int peer = -1;
    std::byte* data = nullptr;  ///< only read by a send
    std::size_t count = 0;      ///< elements of the call's type
    int lane = lane::own;       ///< in which it meets the peer's
};

namespace detail {

inline constexpr std::string_view in_device_memory = ", in device memory";

}  // namespace detail

/// A call in words: "all_reduce of 8 x float with std::plus<void>", "all_gather_v of up to 8 x float",
/// "broadcast of 8 x float, root 0, in device memory".
[[gnu::cold]] inline std::string describe(call const& what) {
    std::string text;
    detail::append(text, {name(what.kind), what.counts ? "_v" : ""});
    if (what.kind >= collective::split) return text;  // these bring no elements of the caller's
    if (what.counts && what.kind == collective::all_to_all) detail::append(text, {" of ", what.type->name});
    else if (what.type) detail::append(text, {what.counts ? " of up to " : " of ", what.count, " x ", what.type->name});
    if (what.reduce) detail::append(text, {" with ", what.reduce->name});
    if (what.root >= 0) detail::append(text, {", root ", what.root});
    bool const on_device = what.where == memory_space::device, marked = on_device && what.algorithm == algorithm_id::own;
    if (what.algorithm != algorithm_id::automatic && !marked) detail::append(text, {", by ", name(what.algorithm)});
    if (what.settings != 0) detail::append(text, {" with settings ", what.settings});
    if (on_device) text += detail::in_device_memory;
    return text;
}

namespace detail {

inline bool tells_of_device(std::string_view called) { return called.find(in_device_memory) != called.npos; }
/// What a call in words lacks where another rank's tells of a device.
inline std::string_view contrast(std::string_view called) {
    bool const elements = called.find(" of ") != called.npos;
    return elements && !tells_of_device(called) ? ", in host memory" : "";
}

}  // namespace detail

}  // namespace tutti
