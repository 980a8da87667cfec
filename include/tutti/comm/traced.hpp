#pragma once

#include <tutti/collectives/execute.hpp>
#include <tutti/comm/detail/trace_log.hpp>
#include <tutti/comm/launch.hpp>
#include <tutti/comm/trace_summary.hpp>
#include <tutti/concepts/call.hpp>
#include <tutti/concepts/communicator.hpp>
#include <tutti/concepts/message_rounds.hpp>
#include <tutti/concepts/pending.hpp>
#include <tutti/concepts/shared_array.hpp>
#include <tutti/detail/least_chrono.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace tutti::comm {

/// A communicator that notes every call: what it was, how many bytes, from when to when. `summary` counts them, `write_trace`
/// writes them for Perfetto or chrome://tracing. It fits wherever a communicator fits, around any. One object per rank and group.
///
/// A call made by a schedule is one event, from its announcement to the end of its last message. A started call is a span from its
/// start to when this rank has found it complete, and its time in the summary is what this rank spent in its start, `ready` and
/// `wait`. A call that throws is noted too.
/// Cost:   two looks at the clock and a record of some 70 bytes per call, under a lock that is free, kept until `clear` or the end
/// Order:  times of ranks on one host are of one clock; those of other hosts count from a barrier in the constructor, and so differ
///         from rank 0's by as much as its ranks leave that barrier apart, and by what clocks drift since
template <communicator Comm>
class traced {
public:
    /// Wraps `world`, which must outlive this. Collective.
    /// @throws what the wrapped communicator throws
    explicit traced(Comm& world) : inner_{&world} { align(); }
    traced(traced const&) = delete;
    traced& operator=(traced const&) = delete;

    int rank() const { return inner_->rank(); }
    int size() const { return inner_->size(); }
    /// What is wrapped; calls made on it are not noted.
    Comm& inner() const { return *inner_; }
    /// The handle of the library behind the wrapped communicator.
    auto native() const requires requires(Comm const& world) { world.native(); }
    { return std::as_const(*inner_).native(); }

    /// Performs one collective. Collective.
    /// @throws as the wrapped communicator; so do all that follow
    void perform(call const& what) requires performs_collectives<Comm>
    {
        noted const here{*this, open(what)};
        inner_->perform(what);
    }
    /// Starts one collective. Collective.
    pending start(call const& what, std::shared_ptr<void const> kept) requires starts_collectives<Comm>
    {
        return note_start(open(what), [&] { return inner_->start(what, std::move(kept)); });
    }
    /// Starts a collective that a schedule makes. Collective.
    pending start_schedule(call const& what, std::unique_ptr<message_rounds> rounds, std::shared_ptr<void const> kept)
        requires starts_schedules<Comm>
    {
        return note_start(open(what), [&] { return inner_->start_schedule(what, std::move(rounds), std::move(kept)); });
    }
    /// Completes what the wrapped communicator's peers wait for.
    void finish_started() requires requires(Comm& world) { world.finish_started(); }
    { inner_->finish_started(); }
    /// Begins a collective that a schedule makes. Collective.
    void announce(call const& what) {
        auto const at = open(what);
        noted const here{*this, at};
        inner_->announce(what);
        scheduled_ = at;
        scheduled_kind_ = what.kind;
    }
    /// Sends and receives the messages of `round` at the same time; an event of its own, unless they are of a schedule.
    void exchange(std::span<message const> round, call const& what) {
        bool const goes_on = scheduled_ != nothing && scheduled_kind_ == what.kind;
        noted const here{*this, goes_on ? scheduled_ : open(what, detail::elements_of(round))};
        inner_->exchange(round, what);
    }
    /// Starts the messages of `round`. Local.
    pending start_exchange(std::span<message const> round, call const& what, std::shared_ptr<void const> kept)
        requires starts_messages<Comm>
    {
        auto const at = open(what, detail::elements_of(round));
        return note_start(at, [&] { return inner_->start_exchange(round, what, std::move(kept)); });
    }
    /// Starts rounds of messages, together one event. Local.
    pending start_rounds(std::unique_ptr<message_rounds> rounds) requires starts_rounds<Comm>
    {
        auto const at = open(rounds->what());
        return note_start(at, [&] { return inner_->start_rounds(std::move(rounds)); });
    }
    /// Ends the group, as the wrapped communicator does.
    void abort(std::string const& text) { inner_->abort(text); }

    /// The ranks that give the same `color` become a group of what the wrapped communicator is split into, traced, with notes of
    /// its own, in the order of `key`, then of rank. Collective.
    auto split(int color, int key = 0) requires requires(Comm& world) { world.split(color, key); }
    { return part([&] { return inner_->split(color, key); }); }
    /// The ranks of one host become a traced group with notes of its own. Collective.
    auto split_by_host() requires requires(Comm& world) { world.split_by_host(); }
    { return part([&] { return inner_->split_by_host(); }); }
    /// All ranks become another traced group, for another thread of each. What it notes is in this one's summary and trace too,
    /// there on a track of its own. Collective.
    auto detach() requires detaches<Comm>
    {
        using group = std::remove_reference_t<decltype(inner_->detach())>;
        detached_.push_back(std::make_shared<detail::call_notes>());
        return traced<group>{std::unique_ptr<group>{new group(inner_->detach())}, detached_.back()};
    }
    bool can_detach() requires detaches<Comm>
    { return inner_->can_detach(); }
    /// Memory as the wrapped communicator gives it.
    template <class T>
    shared_array<T> allocate(std::size_t size) requires gives_memory<Comm>
    { return inner_->template allocate<T>(size); }
    /// The wrapped communicator's table.
    choice_table const& choices() requires has_choices<Comm>
    { return inner_->choices(); }

    /// What this rank has called since the beginning or `clear`. Local.
    trace_summary summary() const {
        std::vector<trace_summary::row> rows(static_cast<std::size_t>(collective::allocate) + 1);
        auto const count = [&](detail::call_notes const& notes) {
            for (auto const& each : notes.copy()) {
                auto& row = rows[static_cast<std::size_t>(each.kind)];
                row.kind = each.kind;
                ++row.calls;
                row.bytes += each.bytes();
                row.seconds += std::chrono::duration<double>(each.inside).count();
            }
        };
        count(*notes_);
        for (auto const& each : detached_) count(*each);
        std::erase_if(rows, [](auto const& row) { return row.calls == 0; });
        return {std::move(rows)};
    }

    /// The file `path`, of rank 0's machine, holds every rank's calls as a trace: one track per rank, started calls above it.
    /// Collective; not noted itself.
    /// @throws error  on every rank, when the file cannot be written; what the wrapped communicator throws
    /// Cost:   one gather of the text, some 200 bytes per call, all of which rank 0 holds twice
    void write_trace(std::string const& path) {
        std::string mine = detail::trace_events(notes_->copy(), rank(), size(), 0, epoch_);
        for (std::size_t k = 0; k < detached_.size(); ++k)
            mine += ",\n" + detail::trace_events(detached_[k]->copy(), rank(), size(), static_cast<int>(k) + 1, epoch_);
        if (rank() + 1 < size()) mine += ",\n";
        std::vector<std::size_t> lengths(static_cast<std::size_t>(size()));
        std::size_t const length = mine.size();
        move({.kind = collective::all_gather}, std::span{&length, 1}, std::span{lengths});
        std::size_t whole = 0, longest = 0;
        for (std::size_t const each : lengths) whole += each, longest = std::max(longest, each);
        std::string all(rank() == 0 ? whole : 0, '\0');
        move({.kind = collective::gather, .count = longest, .root = 0, .counts = lengths.data()}, std::span<char const>{mine},
             std::span{all});
        std::array<std::uint8_t, 1> written{rank() != 0 || detail::write_trace_file(path.c_str(), all)};
        move({.kind = collective::broadcast, .root = 0}, std::span<std::uint8_t const>{written}, std::span{written});
        if (!written[0]) detail::raise<error>({"tutti: the trace ", path, " could not be written"});
    }

    /// Forgets the calls noted so far, but for those still running. Local.
    void clear() {
        bool over = notes_->are_over();
        for (auto const& each : detached_) over = over && each->are_over();
        if (!over) detail::raise<usage_error>({"tutti: rank ", rank(), " clears its trace while a started call is running"});
        notes_->clear();
        for (auto const& each : detached_) each->clear();
        scheduled_ = nothing;
    }

    /// Runs `body(world)` on the ranks of a new group; see `tutti::launch`.
    template <class Body>
    static void launch(launch_options const& options, Body&& body) {
        Comm::launch(options, [&](Comm& world) {
            traced mine{world};
            body(mine);
        });
    }

private:
    using clock = detail::traced_call::clock;
    static constexpr std::size_t nothing = static_cast<std::size_t>(-1);

    /// Adds what passes while it lives to a call.
    class noted {
    public:
        noted(traced& by, std::size_t at) : by_{by}, at_{at} {}
        noted(noted const&) = delete;
        noted& operator=(noted const&) = delete;
        ~noted() {
            auto const now = clock::now();
            by_.notes_->change(at_, [&](auto& mine) { mine.end = now, mine.inside += now - since_, mine.open = false; });
        }

    private:
        traced& by_;
        std::size_t at_;
        clock::time_point since_ = clock::now();
    };

    /// A started call of the wrapped communicator, and whose it is.
    class started final : public pending::request {
    public:
        started(traced& by, pending running) : by_{by}, running_{std::move(running)} {}
        void notes(std::size_t at) { at_ = at, runs(true); }
        void wait() override {
            note([&] { return running_.wait(), true; });
        }
        bool ready() override {
            return note([&] { return running_.ready(); });
        }

    private:
        /// Adds `act` to the call, which ends when `act` says so or throws. What comes after that end is not noted.
        template <class Act>
        bool note(Act act) {
            if (over_) return act();
            noted const here{by_, at_};
            over_ = true;
            try {
                over_ = act();
            } catch (...) {
                runs(false);
                throw;
            }
            runs(!over_);
            return over_;
        }
        void runs(bool is) {
            by_.notes_->change(at_, [is](auto& mine) { mine.running = is; });
        }

        traced& by_;
        pending running_;
        std::size_t at_ = 0;
        bool over_ = false;
    };

    template <communicator Other>
    friend class traced;

    explicit traced(std::unique_ptr<Comm> own) : own_{std::move(own)}, inner_{own_.get()} { align(); }
    traced(std::unique_ptr<Comm> own, std::shared_ptr<detail::call_notes> notes)
        : own_{std::move(own)},
          inner_{own_.get()},
          notes_{std::move(notes)} {
        align();
    }
    template <class Make>
    static auto part(Make make) {
        using group = decltype(make());
        return traced<group>{std::unique_ptr<group>{new group(make())}};
    }

    /// What `begin` starts, as call `at`.
    template <class Begin>
    pending note_start(std::size_t at, Begin begin) {
        notes_->change(at, [](auto& mine) { mine.started = true; });
        noted const here{*this, at};
        auto running = std::make_unique<started>(*this, begin());
        running->notes(at);
        return pending{std::move(running)};
    }

    std::size_t open(call const& what) { return open(what, detail::elements_of(what, rank(), size())); }
    std::size_t open(call const& what, std::size_t elements) {
        scheduled_ = nothing;
        return notes_->add({.kind = what.kind,
                            .algorithm = what.algorithm,
                            .uneven = what.counts != nullptr,
                            .open = true,
                            .elements = elements,
                            .type = what.type,
                            .reduce = what.reduce,
                            .begin = clock::now()});
    }

    /// A call of this object's own, on the wrapped communicator; `what` says all but types, buffers and a count that is their size.
    template <class T>
    void move(call what, std::span<T const> in, std::span<std::type_identity_t<T>> out) {
        what.type = &element_type_of<T>;
        what.in = reinterpret_cast<std::byte const*>(in.data());
        what.out = reinterpret_cast<std::byte*>(out.data());
        if (what.count == 0) what.count = in.size();
        detail::perform(*inner_, what);
    }

    /// Agrees on when time begins.
    void align() {
        detail::perform(*inner_, call{.kind = collective::barrier});
        epoch_ = clock::now();
        std::uint64_t const mine = detail::clock_domain();
        std::array<std::uint64_t, 2> first{mine,
                                           static_cast<std::uint64_t>(epoch_.time_since_epoch() / std::chrono::nanoseconds{1})};
        move({.kind = collective::broadcast, .root = 0}, std::span<std::uint64_t const>{first}, std::span{first});
        if (mine != 0 && first[0] == mine) epoch_ = clock::time_point{std::chrono::nanoseconds{first[1]}};
    }

    std::unique_ptr<Comm> own_;  // of a group that was split off
    Comm* inner_;
    clock::time_point epoch_{};
    std::shared_ptr<detail::call_notes> notes_ = std::make_shared<detail::call_notes>();
    std::vector<std::shared_ptr<detail::call_notes>> detached_;  // of groups that were detached from this
    std::size_t scheduled_ = nothing;  // the call that messages of a schedule belong to
    collective scheduled_kind_ = collective::none;
};

}  // namespace tutti::comm
