#pragma once

#include <tutti/collectives/execute.hpp>
#include <tutti/comm/launch.hpp>
#include <tutti/concepts/call.hpp>
#include <tutti/concepts/communicator.hpp>
#include <tutti/concepts/message_rounds.hpp>
#include <tutti/concepts/pending.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <exception>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

/// Laws are written once, as a body that every rank runs, and hold on every backend:
///     laws::on_every_backend([](auto& world, laws::expectation const& expect) { expect(world.rank() >= 0, "ranks count from 0"); });
/// A body shares nothing between ranks but what it reads, since ranks may be processes.
namespace laws {

/// What the ranks of one launch found broken. Ranks may be threads, which must not leave a body by a failed check.
class findings {
public:
    void add(std::string text) {
        std::lock_guard const lock{mutex_};
        if (++count_ <= 5) texts_ += "\n    " + std::move(text);
    }
    int count() const { return count_; }
    std::string const& texts() const { return texts_; }

private:
    std::mutex mutex_;
    int count_ = 0;
    std::string texts_;  // of the first few
};

template <class T>
std::string to_text(T const& value) {
    std::ostringstream text;
    text.precision(17);
    if constexpr (std::is_arithmetic_v<T>) text << +value;  // a small integer is no character
    else if constexpr (requires { text << value; }) text << value;
    else text << "(no text)";
    return text.str();
}

/// One rank's check: notes a claim that does not hold, with the line where it was made.
class expectation {
public:
    expectation(findings& found, int rank) : found_{&found}, rank_{rank} {}

    void operator()(bool holds, std::string_view claim, int line = __builtin_LINE(), char const* file = __builtin_FILE()) const {
        if (!holds) note(std::string{claim}, line, file);
    }
    template <class A, class B>
    void equal(A const& found, B const& wanted, std::string_view claim, int line = __builtin_LINE(),
               char const* file = __builtin_FILE()) const {
        if (!(found == wanted)) note(std::string{claim} + ": " + to_text(found) + ", not " + to_text(wanted), line, file);
    }
    /// |found - wanted| <= tolerance
    void close(double found, double wanted, double tolerance, std::string_view claim, int line = __builtin_LINE(),
               char const* file = __builtin_FILE()) const {
        double const off = found > wanted ? found - wanted : wanted - found;
        if (!(off <= tolerance))
            note(std::string{claim} + ": " + to_text(found) + ", not " + to_text(wanted) + " to " + to_text(tolerance), line, file);
    }
    /// found[i] == wanted(i) for 0 <= i < count; notes the first that is not.
    template <class Range, class Wanted>
    void all(Range const& found, Wanted wanted, std::string_view claim, int line = __builtin_LINE(),
             char const* file = __builtin_FILE()) const {
        std::size_t i = 0;
        for (auto const& each : found) {
            if (!(each == wanted(i))) {
                note(std::string{claim} + ": element " + std::to_string(i) + " of " + std::to_string(std::size(found)) + " is " +
                         to_text(each) + ", not " + to_text(wanted(i)),
                     line, file);
                return;
            }
            ++i;
        }
    }
    /// `act` throws exactly an Exception whose text holds each of `words`.
    template <class Exception, class Act>
    void throws(Act act, std::initializer_list<std::string_view> words, std::string_view claim, int line = __builtin_LINE(),
                char const* file = __builtin_FILE()) const {
        try {
            act();
            note(std::string{claim} + ": nothing was thrown", line, file);
        } catch (Exception const& problem) {
            for (auto const word : words)
                if (std::string_view{problem.what()}.find(word) == std::string_view::npos)
                    note(std::string{claim} + ": '" + std::string{word} + "' is missing in: " + problem.what(), line, file);
        } catch (std::exception const& problem) { note(std::string{claim} + ": another exception: " + problem.what(), line, file); }
    }

private:
    void note(std::string claim, int line, char const* file) const {
        std::string_view const path{file};
        found_->add(std::string{path.substr(path.rfind('/') + 1)} + ":" + std::to_string(line) + ": rank " + std::to_string(rank_) +
                    ": " + claim);
    }

    findings* found_;
    int rank_;
};

/// Whether the program's backends that perform collectives themselves take rounded sums one rank after another.
extern bool const folds_in_rank_order;

/// Whether to start a collective on it waits for the peers, as where calls are compared first.
template <class Comm>
inline constexpr bool waits_at_start = false;

/// Whether all its collectives fold in the same order, where each folds in rank order.
template <class Comm>
inline constexpr bool folds_alike = tutti::performs_collectives<Comm>;

class any_part;

/// Any communicator, its type erased, so that a law is compiled once for all backends.
class any_communicator {
public:
    virtual ~any_communicator() = default;
    virtual int rank() const = 0;
    virtual int size() const = 0;
    /// Whether rounded sums are taken one rank after another.
    virtual bool folds_rank_by_rank() const = 0;
    virtual void perform(tutti::call const& what) = 0;
    virtual tutti::pending start(tutti::call const& what, std::shared_ptr<void const> operation) = 0;
    virtual tutti::pending start_schedule(tutti::call const& what, std::unique_ptr<tutti::message_rounds> rounds,
                                          std::shared_ptr<void const> kept) = 0;
    virtual void announce(tutti::call const& what) = 0;
    virtual void exchange(std::span<tutti::message const> round, tutti::call const& what) = 0;
    /// Whether the start of a collective waits for nobody.
    virtual bool starts_at_once() const = 0;
    /// Whether start_exchange does what it says.
    virtual bool can_start_messages() const = 0;
    virtual tutti::pending start_exchange(std::span<tutti::message const> round, tutti::call const& what,
                                          std::shared_ptr<void const> kept) = 0;
    virtual void abort(std::string const& text) = 0;
    /// Whether the group can be split.
    virtual bool can_split() const = 0;
    virtual std::unique_ptr<any_communicator> split(int color, int key) = 0;
    virtual std::unique_ptr<any_communicator> split_by_host() = 0;
    virtual bool can_detach() = 0;
    any_part detach();

protected:
    virtual std::unique_ptr<any_communicator> detached() = 0;
};

/// A group of any kind, held.
class any_part {
public:
    explicit any_part(std::unique_ptr<any_communicator> held) : held_{std::move(held)} {}
    int rank() const { return held_->rank(); }
    int size() const { return held_->size(); }
    void perform(tutti::call const& what) { held_->perform(what); }
    void announce(tutti::call const& what) { held_->announce(what); }
    void exchange(std::span<tutti::message const> round, tutti::call const& what) { held_->exchange(round, what); }
    void abort(std::string const& text) { held_->abort(text); }

private:
    std::unique_ptr<any_communicator> held_;
};

inline any_part any_communicator::detach() { return any_part{detached()}; }

template <class Comm>
class erased : public any_communicator {
public:
    explicit erased(Comm& world) : world_{world} {}
    Comm& inner() { return world_; }
    int rank() const override { return world_.rank(); }
    int size() const override { return world_.size(); }
    bool folds_rank_by_rank() const override { return folds_in_rank_order && folds_alike<Comm>; }
    void perform(tutti::call const& what) override { tutti::detail::perform(world_, what); }
    tutti::pending start(tutti::call const& what, std::shared_ptr<void const> operation) override {
        return tutti::detail::start(world_, what, std::move(operation));
    }
    tutti::pending start_schedule(tutti::call const& what, std::unique_ptr<tutti::message_rounds> rounds,
                                  std::shared_ptr<void const> kept) override {
        if constexpr (tutti::starts_schedules<Comm>) return world_.start_schedule(what, std::move(rounds), std::move(kept));
        announce(what);
        for (auto round = rounds->next(); !round.empty(); round = rounds->next()) exchange(round, rounds->what());
        return {};
    }
    void announce(tutti::call const& what) override { world_.announce(what); }
    void exchange(std::span<tutti::message const> round, tutti::call const& what) override { world_.exchange(round, what); }
    tutti::pending start_exchange(std::span<tutti::message const> round, tutti::call const& what,
                                  std::shared_ptr<void const> kept) override {
        if constexpr (tutti::starts_messages<Comm>) return world_.start_exchange(round, what, std::move(kept));
        else throw tutti::usage_error{"this backend cannot start messages"};
    }
    bool starts_at_once() const override { return tutti::starts_collectives<Comm> && !waits_at_start<Comm>; }
    bool can_start_messages() const override { return tutti::starts_messages<Comm>; }
    void abort(std::string const& text) override { world_.abort(text); }
    bool can_split() const override { return splits; }
    std::unique_ptr<any_communicator> split(int color, int key) override {
        return part([color, key](auto& world) { return world.split(color, key); });
    }
    std::unique_ptr<any_communicator> split_by_host() override {
        return part([](auto& world) { return world.split_by_host(); });
    }
    bool can_detach() override {
        if constexpr (tutti::detaches<Comm>) return world_.can_detach();
        else return false;
    }

protected:
    std::unique_ptr<any_communicator> detached() override {
        if constexpr (tutti::detaches<Comm>) {
            using group = std::remove_reference_t<decltype(world_.detach())>;
            return std::make_unique<erased_part<group>>([&] { return world_.detach(); });
        } else {
            throw tutti::usage_error{"this backend cannot be detached"};
        }
    }

private:
    static constexpr bool splits = requires(Comm& world) {
        world.split(0, 0);
        world.split_by_host();
    };
    /// A group of its own, which cannot be moved.
    template <class Part>
    struct held {
        template <class Make>
        explicit held(Make make) : comm{make()} {}
        Part comm;
    };
    template <class Part>
    struct erased_part final : private held<Part>, public erased<Part> {
        template <class Make>
        explicit erased_part(Make make) : held<Part>{make}, erased<Part>{held<Part>::comm} {}
    };
    template <class Split>
    std::unique_ptr<any_communicator> part(Split split) {
        if constexpr (splits) return std::make_unique<erased_part<decltype(split(world_))>>([&] { return split(world_); });
        else throw tutti::usage_error{"this backend cannot be split"};
    }

    Comm& world_;
};

using law = std::function<void(any_communicator& world, expectation const& expect)>;

/// Runs `body(world, expect)` on every rank of one group and checks that none found anything.
template <class Comm>
void on(std::string_view backend, tutti::launch_options const& options, law const& body) {
    findings found;
    int ranks = 0;
    try {
        tutti::launch<Comm>(options, [&](Comm& world) {
            if (world.rank() == 0) ranks = world.size();
            erased<Comm> any{world};
            body(any, expectation{found, world.rank()});
        });
    } catch (std::exception const& problem) { found.add(std::string{"launch threw: "} + problem.what()); }
    CHECK_MESSAGE(found.count() == 0, backend, ", ranks: ", ranks, found.texts());
}

/// 16 are more than there are cores on most machines that build this.
inline constexpr auto thread_ranks = {1, 2, 3, 4, 5, 7, 8, 16};

/// For what only threads promise: how an exception leaves a group.
void on_threads(std::initializer_list<int> ranks, law const& body);

/// Every backend of the program that the law is linked into: backends.cpp has solo, threads, those checked, traced and taken
/// for ranks of two hosts, and ranks that only exchange messages.
void on_every_backend(law const& body);

/// Sizes at which schemes that split n elements over p ranks go wrong first.
inline std::vector<std::size_t> sizes(int ranks, std::size_t large) {
    auto const p = static_cast<std::size_t>(ranks);
    return {0, 1, p - 1, p, p + 1, 1000, large};
}

}  // namespace laws
