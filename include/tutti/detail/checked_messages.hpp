#pragma once

#include <tutti/concepts/call.hpp>
#include <tutti/detail/call_signature.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace tutti::detail {

/// What two ranks tell each other before the data of a message.
struct message_record {
    enum class kind : std::uint64_t { offer, answer };
    kind what = kind::offer;    ///< of the sender, or of the receiver
    std::uint64_t two_way = 0;  ///< of an offer: whether its call also receives from the rank it goes to
    std::uint64_t sends = 0, receives = 0, type = 0, type_size = 0;
    std::array<char, 112> name{};  ///< of the type, as far as it fits
};

/// Messages that both ranks compare before any data moves.
///
/// A sender offers, its receiver answers, both compare, then the data goes. Two ranks that each send to the other in one call
/// offer at the same time and need no answer. A rank that is in such a call may meet one that sends and receives in calls of
/// their own: so whoever waits for an answer keeps an offer that comes before it for a later call.
template <class Comm>
class checked_messages {
public:
    /// Sends and receives the messages of `round`. On a mismatch the other messages of the round go their way first.
    /// @throws collective_mismatch  on both ranks of a message that they disagree about
    void run(Comm& world, std::span<message const> round, call const& what) {
        std::vector<leg> out, in;
        for (message const& each : round) {
            auto& legs = each.what == message::action::send ? out : in;
            if (find(legs, each.peer))
                raise<usage_error>({"tutti: ", describe(what), ": two messages at once ",
                                    (&legs == &out ? "to rank " : "from rank "), each.peer});
            legs.push_back({&each});
        }
        std::string disagreement;
        while (!out.empty() || !in.empty()) {
            on_behalf_of(what, [&] {
                offer(world, out, in, what);
                answer(world, out, in, what);
            });
            move(world, out, in, what, disagreement);
        }
        if (!disagreement.empty()) throw collective_mismatch{disagreement};
    }

private:
    /// One message, and how far its two ranks have come.
    struct leg {
        message const* data;
        message_record theirs{};
        bool offered = false;  // by this rank; of a send
        bool heard = false;    // `theirs` is there
        bool mutual = false;   // both ranks offer, and neither answers
        int peer() const { return data->peer; }
    };

    static leg* find(std::vector<leg>& legs, int peer) {
        auto const at = std::find_if(legs.begin(), legs.end(), [&](leg const& each) { return each.peer() == peer; });
        return at == legs.end() ? nullptr : &*at;
    }

    static message_record record_of(message_record::kind kind, call const& what) {
        message_record mine{.what = kind, .type = hash_of(what.type->name), .type_size = what.type->size};
        std::copy_n(what.type->name.begin(), std::min(what.type->name.size(), mine.name.size() - 1), mine.name.begin());
        return mine;
    }
    static message send_of(int peer, message_record& record) {
        return {message::action::send, peer, reinterpret_cast<std::byte*>(&record), 1};
    }
    static message receive_of(int peer, message_record& record) {
        return {message::action::receive, peer, reinterpret_cast<std::byte*>(&record), 1};
    }
    static void exchange_records(Comm& world, std::vector<message> const& round, call const& what) {
        if (!round.empty()) world.exchange(round, call{.kind = what.kind, .type = &element_type_of<message_record>, .count = 1});
    }

    void offer(Comm& world, std::vector<leg>& out, std::vector<leg>& in, call const& what) {
        std::vector<message_record> mine(out.size(), record_of(message_record::kind::offer, what));
        std::vector<message> round;
        for (std::size_t k = 0; k < out.size(); ++k) {
            leg& each = out[k];
            leg const* const back = find(in, each.peer());
            bool const later = back && early_.contains(each.peer());  // what the peer has offered comes first
            if (each.offered || later) continue;
            mine[k].two_way = back != nullptr;
            mine[k].sends = each.data->count;
            mine[k].receives = back ? back->data->count : 0;
            round.push_back(send_of(each.peer(), mine[k]));
            each.offered = true;
        }
        std::vector<leg*> asked;
        for (leg& each : in) {
            if (auto const early = early_.find(each.peer()); early != early_.end()) {
                each.theirs = early->second, each.heard = true;
                early_.erase(early);
            } else {
                round.push_back(receive_of(each.peer(), each.theirs));
                asked.push_back(&each);
            }
        }
        exchange_records(world, round, what);
        for (leg* const each : asked) {
            leg* const back = find(out, each->peer());
            bool const answered = each->theirs.what == message_record::kind::answer;
            each->heard = !answered;
            each->mutual = back && each->heard && each->theirs.two_way;
            if (back && (answered || each->mutual)) back->theirs = each->theirs, back->heard = true, back->mutual = each->mutual;
        }
    }

    void answer(Comm& world, std::vector<leg>& out, std::vector<leg>& in, call const& what) {
        std::vector<message_record> mine(in.size(), record_of(message_record::kind::answer, what));
        std::vector<message> round;
        for (std::size_t k = 0; k < in.size(); ++k)
            if (in[k].heard && !in[k].mutual) {
                mine[k].receives = in[k].data->count;
                round.push_back(send_of(in[k].peer(), mine[k]));
            }
        std::vector<leg*> asked;
        for (leg& each : out)
            if (each.offered && !each.heard && !find(in, each.peer())) asked.push_back(&each);
        do {
            for (leg* const each : asked) round.push_back(receive_of(each->peer(), each->theirs));
            exchange_records(world, round, what);
            round.clear();
            std::vector<leg*> again;
            for (leg* const each : asked) {
                each->heard = each->theirs.what == message_record::kind::answer;
                if (each->heard) continue;
                early_[each->peer()] = each->theirs;
                again.push_back(each);
            }
            asked = again;
        } while (!asked.empty());
    }

    /// The data of all that both ranks know of, which are done with then.
    static void move(Comm& world, std::vector<leg>& out, std::vector<leg>& in, call const& what, std::string& disagreement) {
        std::vector<message> round;
        auto add = [&](std::vector<leg>& legs, bool sends) {
            for (leg const& each : legs) {
                if (!each.heard) continue;
                auto const mine = record_of(message_record::kind::offer, what);
                std::uint64_t const theirs = sends ? each.theirs.receives : each.theirs.sends;
                bool const same =
                    theirs == each.data->count && each.theirs.type == mine.type && each.theirs.type_size == mine.type_size;
                if (same) round.push_back(*each.data);
                else if (disagreement.empty())
                    disagreement = text_of(world.rank(), each.peer(), sends, each.data->count, theirs, mine, each.theirs) +
                                   " (in " + describe(what) + ")";
            }
            std::erase_if(legs, [](leg const& each) { return each.heard; });
        };
        add(out, true);
        add(in, false);
        if (!round.empty()) world.exchange(round, what);
    }
    static std::string text_of(int rank, int peer, bool sends, std::uint64_t mine, std::uint64_t theirs, message_record const& own,
                               message_record const& other) {
        auto said = [](std::uint64_t count, message_record const& of) { return std::to_string(count) + " x " + of.name.data(); };
        std::string const here = said(mine, own), there = said(theirs, other);
        return "tutti: ranks disagree: rank " + std::to_string(sends ? peer : rank) + " receives " + (sends ? there : here) +
               " from rank " + std::to_string(sends ? rank : peer) + ", which sends " + (sends ? here : there);
    }

    std::map<int, message_record> early_;  // by peer: an offer that no call of this rank has asked for yet
};

}  // namespace tutti::detail
