#pragma once

#include <tutti/concepts/call.hpp>
#include <tutti/detail/thread_group.hpp>
#include <tutti/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace tutti::detail {

/// What one rank finds when the ranks of a call, all of which have arrived, differ in what they call: the cold half of
/// `thread_rank::meet`. Reads nothing but what the group owns.
class thread_disagreement {
public:
    thread_disagreement(thread_group& group, int rank, std::uint64_t sequence) : group_{group}, rank_{rank}, sequence_{sequence} {}

    /// Objects that identify types may differ between shared libraries, so names decide.
    /// @throws collective_mismatch  unless all ranks call the same
    void compare_fully() {
        std::vector<std::pair<std::string, std::string>> groups;  // what was called, by whom
        for (int rank = 0; rank < group_.size(); ++rank) {
            auto const text = called(rank);
            auto const known = std::find_if(groups.begin(), groups.end(), [&](auto const& each) { return each.first == text; });
            if (known == groups.end()) groups.emplace_back(text, "rank " + std::to_string(rank));
            else known->second += ", rank " + std::to_string(rank);
        }
        if (groups.size() == 1) return;
        std::string text;
        for (auto const& [called, ranks] : groups) text += (text.empty() ? ": " : "; ") + ranks + " called " + called;
        tell(text);
    }

    /// Compares what every rank of an all_to_all_v sends with what its receiver expects.
    /// @throws collective_mismatch  when any two differ
    void compare_pairs(call const& what) {
        for (int from = 0; from < group_.size(); ++from)
            for (int to = 0; to < group_.size(); ++to) {
                std::size_t const sent = group_.counts(from, sequence_)[to],
                                  expected = group_.counts(to, sequence_)[group_.size() + from];
                if (sent != expected)
                    tell(", " + describe(what) + ": rank " + std::to_string(from) + " sends " + std::to_string(sent) +
                         " elements to rank " + std::to_string(to) + ", which expects " + std::to_string(expected));
            }
    }

private:
    call described(int rank) {
        auto const& theirs = group_.at(rank, sequence_);
        call what{.kind = theirs.kind, .count = theirs.count, .root = theirs.root, .algorithm = theirs.algorithm};
        if (reduces(theirs.kind)) {
            what.reduce = static_cast<reduction const*>(theirs.identity);
            what.type = what.reduce->type;
        } else {
            what.type = static_cast<element_type const*>(theirs.identity);
        }
        if (theirs.uneven) what.counts = group_.counts(rank, sequence_);
        return what;
    }
    /// The same in words; parts that differ are listed.
    std::string called(int rank) {
        call const what = described(rank);
        std::string text = describe(what);
        for (int k = 0; what.counts && what.kind != collective::all_to_all && k < group_.size(); ++k)
            text += (k ? ", " : ", in parts of ") + std::to_string(what.counts[k]);
        return text;
    }

    [[noreturn]] void tell(std::string const& what) {
        std::string const text = "tutti: ranks disagree in call " + std::to_string(sequence_) + what;
        group_.revoke(rank_, text);
        throw collective_mismatch{text};
    }

    thread_group& group_;
    int rank_;
    std::uint64_t sequence_;
};

}  // namespace tutti::detail
