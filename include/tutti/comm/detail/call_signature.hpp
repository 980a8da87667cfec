#pragma once

#include <tutti/collectives/execute.hpp>
#include <tutti/concepts/call.hpp>
#include <tutti/detail/hash.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace tutti::detail {

/// What must be equal on all ranks of a call, free of addresses, so that processes can compare it.
struct call_signature {
    std::uint64_t sequence = 0, kind = 0, root = 0, count = 0, type = 0, type_size = 0, operation = 0;
    std::uint64_t algorithm = 0;  ///< and its settings
    std::uint64_t counts = 0;     ///< 0, or a hash of the counts where parts differ
    bool operator==(call_signature const&) const = default;
};

inline call_signature signature_of(call const& what, std::uint64_t sequence, int size) {
    call_signature mine{.sequence = sequence,
                        .kind = static_cast<std::uint64_t>(what.kind),
                        .root = static_cast<std::uint64_t>(what.root),
                        .count = what.receive_counts ? 0 : what.count,
                        .algorithm = mixed(what.settings) + static_cast<std::uint64_t>(what.algorithm)};
    if (what.type) mine.type = hash_of(what.type->name), mine.type_size = what.type->size;
    if (what.reduce) mine.operation = hash_of(what.reduce->name);
    if (what.counts) mine.counts = 1;
    for (int k = 0; what.counts && !what.receive_counts && k < size; ++k)
        mine.counts = mixed(mine.counts + 0x9e3779b97f4a7c15) ^ mixed(what.counts[k] + 1);
    return mine;
}

/// Of an all_to_all whose parts differ, a hash of what this rank sends less one of what it expects: over all ranks they sum to 0
/// if each rank sends what its receiver expects, and else, but for one case in 2^64, do not.
inline std::uint64_t balance_of(call const& what, int rank, int size) {
    auto pair = [](int from, int to, std::size_t count) {
        return mixed(mixed((static_cast<std::uint64_t>(from) << 32 | static_cast<std::uint64_t>(to)) + 0x9e3779b97f4a7c15) + count);
    };
    std::uint64_t balance = 0;
    for (int k = 0; what.receive_counts && k < size; ++k)
        balance += pair(rank, k, what.counts[k]) - pair(k, rank, what.receive_counts[k]);
    return balance;
}

/// Every rank's `mine`, in rank order. Collective. Started where that can be: so what else was started moves on while it waits,
/// which within a blocking call of another library it might not.
template <class Comm, class T>
std::vector<T> gather_to_all(Comm& world, std::span<T const> mine) {
    std::vector<T> all(mine.size() * static_cast<std::size_t>(world.size()));
    call const what{.kind = collective::all_gather,
                    .type = &element_type_of<T>,
                    .in = reinterpret_cast<std::byte const*>(mine.data()),
                    .out = reinterpret_cast<std::byte*>(all.data()),
                    .count = mine.size()};
    detail::start(world, what, nullptr).wait();
    return all;
}

/// Every rank's text, in rank order. Collective.
template <class Comm>
std::vector<std::string> gather_texts(Comm& world, std::string text) {
    std::size_t const length = text.size();
    auto const lengths = gather_to_all(world, std::span{&length, 1});
    std::size_t const longest = *std::max_element(lengths.begin(), lengths.end());
    text.resize(longest);
    auto const whole = gather_to_all(world, std::span<char const>{text});
    std::vector<std::string> all;
    for (std::size_t k = 0; k < lengths.size(); ++k) all.emplace_back(whole.data() + k * longest, lengths[k]);
    return all;
}

/// Runs `act`, which talks to peers about `what`; an error that names `act`'s own calls is made to name that one.
template <class Act>
void on_behalf_of(call const& what, Act act) {
    auto told = [&]<class Error>(Error const& problem) {
        std::string const name = describe(what), text = problem.what();
        if (text.find(name) != text.npos) throw;
        throw Error{"tutti: " + name + " was not compared: " + text};
    };
    try {
        act();
    } catch (peer_failed const& problem) { told(problem); } catch (timeout_error const& problem) {
        told(problem);
    }
}

/// Compares a call with those of all ranks, by collectives of `world`. Collective.
/// @param sequence  how many calls this rank has compared, this one included
/// @throws collective_mismatch  on every rank
template <class Comm>
void compare_call(Comm& world, call const& what, std::uint64_t sequence) {
    struct brought {
        call_signature signature;
        std::uint64_t balance;
    };
    brought const mine{signature_of(what, sequence, world.size()), balance_of(what, world.rank(), world.size())};
    std::vector<brought> all;
    on_behalf_of(what, [&] { all = gather_to_all(world, std::span{&mine, 1}); });
    bool same = true, in_step = true;
    std::uint64_t balance = 0;
    for (brought const& each : all) {
        same = same && each.signature == mine.signature;
        in_step = in_step && each.signature.sequence == sequence;
        balance += each.balance;
    }
    if (same && balance == 0) return;

    std::string text = "tutti: ranks disagree in call " + std::to_string(sequence);
    auto const ranks = static_cast<std::size_t>(world.size());
    if (!same) {
        std::string called = describe(what);
        for (std::size_t k = 0; what.counts && !what.receive_counts && k < ranks; ++k)
            called += (k ? ", " : ", in parts of ") + std::to_string(what.counts[k]);
        if (!in_step) called += " as its call " + std::to_string(sequence);
        std::vector<std::pair<std::string, std::string>> groups;  // what was called, by whom
        auto texts = gather_texts(world, called);
        if (std::any_of(texts.begin(), texts.end(), tells_of_device))
            for (std::string& each : texts) each += contrast(each);
        for (std::size_t k = 0; k < ranks; ++k) {
            auto const known = std::find_if(groups.begin(), groups.end(), [&](auto const& each) { return each.first == texts[k]; });
            if (known == groups.end()) groups.emplace_back(texts[k], "rank " + std::to_string(k));
            else known->second += ", rank " + std::to_string(k);
        }
        for (auto const& [name, callers] : groups) text += (&name == &groups[0].first ? ": " : "; ") + callers + " called " + name;
        throw collective_mismatch{text};
    }
    std::vector<std::size_t> counts(what.counts, what.counts + ranks);
    counts.insert(counts.end(), what.receive_counts, what.receive_counts + ranks);
    auto const table = gather_to_all(world, std::span<std::size_t const>{counts});
    for (std::size_t from = 0; from < ranks; ++from)
        for (std::size_t to = 0; to < ranks; ++to)
            if (auto const sent = table[from * 2 * ranks + to], expected = table[to * 2 * ranks + ranks + from]; sent != expected)
                raise<collective_mismatch>({text, ", ", describe(what), ": rank ", from, " sends ", sent, " elements to rank ",
                                            to, ", which expects ", expected});
}

}  // namespace tutti::detail
