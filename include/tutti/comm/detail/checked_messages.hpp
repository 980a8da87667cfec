#pragma once

#include <tutti/collectives/wait.hpp>
#include <tutti/comm/detail/call_signature.hpp>
#include <tutti/concepts/call.hpp>
#include <tutti/concepts/communicator.hpp>
#include <tutti/concepts/message_rounds.hpp>
#include <tutti/concepts/pending.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace tutti::detail {

/// What the two ranks of a message tell each other before its data.
struct message_record {
    std::uint64_t count = 0, type = 0, type_size = 0;
    std::array<char, 112> name{};  ///< of the type, as far as it fits
};

/// One message whose ranks compare it before its data moves: the sender offers, the receiver answers, at the same time; then both
/// know the same, and either both go on with the data or neither does. Offers, answers and data are in lanes of their own. So the
/// k-th offer to a rank meets its k-th answer, whatever calls the messages were made by.
class compared_message final : public message_rounds {
public:
    /// @param number  of messages that this one's sender has sent to its receiver before, as each of them counts
    compared_message(int rank, message const& data, call const& what, std::uint64_t number)
        : rank_{rank},
          data_{data},
          what_{what},
          records_call_{.kind = what.kind, .type = &element_type_of<message_record>, .count = 1} {
        data_.lane = lane::compared + static_cast<int>(number % lane::numbers);
        mine_.count = data.count;
        mine_.type = hash_of(what.type->name);
        mine_.type_size = what.type->size;
        std::copy_n(what.type->name.begin(), std::min(what.type->name.size(), mine_.name.size() - 1), mine_.name.begin());
    }

    /// @throws collective_mismatch  on both ranks, once they have compared; after that nothing is left to do
    std::span<message const> next() override {
        switch (std::exchange(stage_, stage_ == stage::begun ? stage::comparing : stage::compared)) {
        case stage::begun:
            round_[0] = {message::action::send, data_.peer, bytes(mine_), 1, sends() ? lane::offers : lane::answers};
            round_[1] = {message::action::receive, data_.peer, bytes(theirs_), 1, sends() ? lane::answers : lane::offers};
            return round_;
        case stage::comparing:
            compare();
            return std::span{&data_, 1};
        default:
            return {};
        }
    }
    call const& what() const override { return stage_ == stage::comparing ? records_call_ : what_; }

private:
    enum class stage { begun, comparing, compared };

    bool sends() const { return data_.what == message::action::send; }
    static std::byte* bytes(message_record& record) { return reinterpret_cast<std::byte*>(&record); }

    void compare() const {
        if (theirs_.count == mine_.count && theirs_.type == mine_.type && theirs_.type_size == mine_.type_size) return;
        auto const& sent = sends() ? mine_ : theirs_;
        auto const& expected = sends() ? theirs_ : mine_;
        int const sender = sends() ? rank_ : data_.peer, receiver = sends() ? data_.peer : rank_;
        raise<collective_mismatch>({"tutti: ranks disagree: rank ", receiver, " receives ", expected.count, " x ",
                                    expected.name.data(), " from rank ", sender, ", which sends ", sent.count, " x ",
                                    sent.name.data(), " (in ", describe(what_), ")"});
    }

    int rank_;
    message data_;
    call what_, records_call_;
    message_record mine_, theirs_;
    std::array<message, 2> round_;
    stage stage_ = stage::begun;
};

/// The messages of a rank, each of which is compared by itself. `Comm` is what moves them.
template <class Comm>
class checked_messages {
public:
    explicit checked_messages(int ranks) : sent_(static_cast<std::size_t>(ranks)), received_(sent_.size()) {}

    /// Sends and receives the messages of `round`. Those that are no mismatch arrive.
    /// @throws collective_mismatch  on both ranks of a message that they disagree about
    void run(Comm& world, std::span<message const> round, call const& what) {
        if constexpr (starts_rounds<Comm>) start(world, round, what, nullptr).wait();
        else on_behalf_of(what, [&] { run_in_step(world, compared(world.rank(), round, what)); });
    }

    /// Starts the messages of `round`.
    pending start(Comm& world, std::span<message const> round, call const& what, std::shared_ptr<void const> kept) {
        auto running = std::make_unique<started>(what, std::move(kept));
        for (auto& each : compared(world.rank(), round, what)) running->add(world.start_rounds(std::move(each)));
        return pending{std::move(running)};
    }

private:
    using messages = std::vector<std::unique_ptr<compared_message>>;

    /// Several messages on their way, independent of one another.
    class started final : public pending::request {
    public:
        started(call const& what, std::shared_ptr<void const> kept) : what_{what}, kept_{std::move(kept)} {}
        void add(pending each) { all_.push_back(std::move(each)); }
        void wait() override {
            on_behalf_of(what_, [&] { wait_all(all_); });
        }
        bool ready() override {
            bool all_ready = true;
            std::exception_ptr first;
            for (pending& each : all_) try {
                    all_ready = each.ready() && all_ready;
                } catch (...) {
                    if (!first) first = std::current_exception();
                }
            if (all_ready && first) on_behalf_of(what_, [&] { std::rethrow_exception(first); });
            return all_ready;
        }

    private:
        call what_;
        std::shared_ptr<void const> kept_;
        std::vector<pending> all_;
    };

    messages compared(int rank, std::span<message const> round, call const& what) {
        for (std::size_t k = 0; k < round.size(); ++k)
            for (std::size_t before = 0; before < k; ++before)
                if (round[before].peer == round[k].peer && sends(round[before]) == sends(round[k]))
                    raise<usage_error>({"tutti: ", describe(what), ": two messages at once ",
                                        sends(round[k]) ? "to rank " : "from rank ", round[k].peer});
        messages all;
        for (message const& each : round) {
            auto& before = (sends(each) ? sent_ : received_)[static_cast<std::size_t>(each.peer)];
            all.push_back(std::make_unique<compared_message>(rank, each, what, before++));
        }
        return all;
    }
    static bool sends(message const& each) { return each.what == message::action::send; }

    /// Where messages cannot be started: first all are compared, then all data moves.
    static void run_in_step(Comm& world, messages const& all) {
        std::exception_ptr first;
        for (;;) {
            std::vector<message> round;
            call what;
            for (auto const& each : all) try {
                    for (message const& one : each->next()) round.push_back(one), what = each->what();
                } catch (collective_mismatch const&) {
                    if (!first) first = std::current_exception();
                }
            if (round.empty()) break;
            world.exchange(round, what);
        }
        if (first) std::rethrow_exception(first);
    }

    std::vector<std::uint64_t> sent_, received_;  // how many messages, by peer
};

}  // namespace tutti::detail
