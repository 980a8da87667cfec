#pragma once

#include <tutti/comm/detail/shared_group.hpp>
#include <tutti/concepts/call.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tutti::detail {

/// What one rank finds when the ranks of a call, all of which have arrived, differ in what they call: the cold half of
/// `shared_rank::meet`. Reads nothing but what the group owns.
class disagreement {
public:
    disagreement(shared_group& group, int rank, std::uint64_t sequence) : group_{group}, rank_{rank}, sequence_{sequence} {}

    /// Objects that identify types and operations may differ between shared libraries, so names decide; but not those of lambdas
    /// and of what has no name, which several may share.
    /// @throws collective_mismatch  unless all ranks call the same
    [[gnu::cold]] void compare_fully(call const& what) {
        group_.say(rank_, sequence_, called(what));
        bool same = true, on_device = false;
        for (int rank = 0; rank < group_.size(); ++rank) {
            group_.await(rank_, rank, sequence_, what, [&] { return group_.has_said(rank, sequence_); });
            same = same && alike(0, rank);
            on_device = on_device || tells_of_device(group_.said(rank));
        }
        if (same) return;
        std::string text;
        for (int first = 0; first < group_.size(); ++first) {  // of those that call the same
            bool heard = false, of_that_name = false;
            for (int rank = 0; rank < first; ++rank) {
                heard = heard || alike(rank, first);
                of_that_name = of_that_name || group_.said(rank) == group_.said(first);
            }
            if (heard) continue;
            append(text, {text.empty() ? ": rank " : "; rank ", first});
            for (int rank = first + 1; rank < group_.size(); ++rank)
                if (alike(first, rank)) append(text, {", rank ", rank});
            append(text, {" called ", group_.said(first), on_device ? contrast(group_.said(first)) : "",
                          of_that_name ? ", but another of that name" : ""});
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
                if (sent != expected) tell_pair(what, from, to, sent, expected);
            }
    }

private:
    /// Whether two ranks call the same.
    bool alike(int one, int other) {
        std::string_view const called = group_.said(one);
        if (called != group_.said(other)) return false;
        bool const unique = called.find("lambda") == called.npos && called.find("unnamed") == called.npos;
        return unique || group_.at(one, sequence_).identity == group_.at(other, sequence_).identity;
    }

    /// A call in words; parts that differ are listed.
    std::string called(call const& what) const {
        std::string text = describe(what);
        for (int k = 0; what.counts && what.kind != collective::all_to_all && k < group_.size(); ++k)
            append(text, {k ? ", " : ", in parts of ", what.counts[k]});
        return text;
    }

    [[noreturn, gnu::cold]] void tell_pair(call const& what, int from, int to, std::size_t sent, std::size_t expected) {
        tell(joined({", ", describe(what), ": rank ", from, " sends ", sent, " elements to rank ", to, ", which expects ",
                     expected}));
    }
    [[noreturn, gnu::cold]] void tell(std::string const& what) {
        std::string const text = joined({"tutti: ranks disagree in call ", sequence_, what});
        group_.revoke(rank_, text, group_.everyone(), shared_group::cause::disagreed, sequence_);
        raise<collective_mismatch>({group_.within(text)});
    }

    shared_group& group_;
    int rank_;
    std::uint64_t sequence_;
};

}  // namespace tutti::detail
