#pragma once

#include <tutti/concepts/call.hpp>
#include <tutti/detail/shared_group.hpp>
#include <tutti/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tutti::detail {

/// What one rank finds when the ranks of a call, all of which have arrived, differ in what they call: the cold half of
/// `shared_rank::meet`. Reads nothing but what the group owns.
class disagreement {
public:
    disagreement(shared_group& group, int rank, std::uint64_t sequence) : group_{group}, rank_{rank}, sequence_{sequence} {}

    /// Objects that identify types and operations may differ between shared libraries, so names decide; but not those of lambdas
    /// and of what has no name, which several may share.
    /// @throws collective_mismatch  unless all ranks call the same
    void compare_fully(call const& what) {
        group_.say(rank_, sequence_, called(what));
        std::vector<caller> callers;  // the first rank of each kind of call
        for (int rank = 0; rank < group_.size(); ++rank) {
            group_.await(rank_, rank, sequence_, what, [&] { return group_.has_said(rank, sequence_); });
            caller const found{group_.said(rank), group_.at(rank, sequence_).identity, "rank " + std::to_string(rank)};
            auto const known = std::find_if(callers.begin(), callers.end(), [&](caller const& each) { return each.same(found); });
            if (known == callers.end()) callers.push_back(found);
            else known->ranks += ", " + found.ranks;
        }
        if (callers.size() == 1) return;
        std::string text;
        for (auto const& each : callers) {
            bool const first = std::find_if(callers.begin(), callers.end(), [&](auto const& other) {
                                   return other.called == each.called;
                               })->identity == each.identity;
            text += (text.empty() ? ": " : "; ") + each.ranks + " called " + each.called + (first ? "" : ", but another of that name");
        }
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
    struct caller {
        std::string called;
        std::uintptr_t identity;
        std::string ranks;

        bool same(caller const& other) const {
            if (called != other.called) return false;
            bool const unique = called.find("lambda") == std::string::npos && called.find("unnamed") == std::string::npos;
            return unique || identity == other.identity;
        }
    };

    /// A call in words; parts that differ are listed.
    std::string called(call const& what) const {
        std::string text = describe(what);
        for (int k = 0; what.counts && what.kind != collective::all_to_all && k < group_.size(); ++k)
            text += (k ? ", " : ", in parts of ") + std::to_string(what.counts[k]);
        return text;
    }

    [[noreturn]] void tell(std::string const& what) {
        std::string const text = "tutti: ranks disagree in call " + std::to_string(sequence_) + what;
        group_.revoke(rank_, text, group_.everyone(), shared_group::cause::disagreed, sequence_);
        throw collective_mismatch{text};
    }

    shared_group& group_;
    int rank_;
    std::uint64_t sequence_;
};

}  // namespace tutti::detail
