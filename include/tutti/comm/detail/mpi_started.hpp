#pragma once

#include <mpi.h>
#include <tutti/comm/detail/mpi_collectives.hpp>
#include <tutti/comm/detail/mpi_transfer.hpp>
#include <tutti/comm/detail/mpi_types.hpp>
#include <tutti/comm/detail/watchdog.hpp>
#include <tutti/concepts/call.hpp>
#include <tutti/concepts/message_rounds.hpp>
#include <tutti/concepts/pending.hpp>
#include <tutti/detail/least_chrono.hpp>
#include <tutti/detail/least_standard.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <span>
#include <thread>
#include <utility>
#include <vector>

namespace tutti::detail {

/// What was started and is not over, as other calls see it. Apart from what it is, which few programs need.
class mpi_on_its_way : public pending::request {
public:
    virtual void progress() = 0;                            // goes on as far as it can without waiting
    virtual bool is_schedule_of(MPI_Comm group) const = 0;   // which its peers need this rank for
    virtual call const& what() const = 0;
};

/// All that was started, in the order of its start; owned by its `pending`. One list for all groups that were split from one another: a
/// peer may wait for what was started on one of them before it comes to a call on another.
class mpi_under_way {
public:
    bool empty() const { return all_.empty(); }
    void add(mpi_on_its_way& one) { all_.push_back(&one); }
    void remove(mpi_on_its_way& one) { std::erase(all_, &one); }
    mpi_on_its_way const* schedule_of(MPI_Comm group) const {
        for (auto const* each : all_)
            if (each->is_schedule_of(group)) return each;
        return nullptr;
    }
    void progress() {
        for (std::size_t k = 0; k < all_.size();) {
            mpi_on_its_way* const each = all_[k];
            each->progress();
            if (k < all_.size() && all_[k] == each) ++k;  // those that end leave the list
        }
    }

private:
    std::vector<mpi_on_its_way*> all_;
};

/// What a rank does between two looks at what is under way: nothing, or, on a detached group, it leaves its core to the thread
/// that computes, in naps that are short beside the time waited so far.
class mpi_pause {
public:
    explicit mpi_pause(bool rests) : rests_{rests} {}
    void operator()() {
        if (!rests_) return;
        auto const now = clock::now();
        if (since_ == clock::time_point{}) since_ = now;
        auto const waited = now - since_;
        if (waited < std::chrono::microseconds{20}) std::this_thread::yield();
        else std::this_thread::sleep_for(std::min<clock::duration>(waited / 16, std::chrono::microseconds{200}));
    }

private:
    using clock = std::chrono::steady_clock;

    bool rests_;
    clock::time_point since_{};
};

/// One request of MPI's, the rounds of a schedule, or one round of messages.
class mpi_started final : public mpi_on_its_way {
public:
    /// Where it is started: a group, and what its ranks wait by.
    struct place {
        MPI_Comm group;
        mpi_collectives const& native;
        mpi_under_way& all;
        watchdog& dog;
        bool rests;
    };

    /// @param kept  keeps alive what `what` points to besides its buffers
    mpi_started(place const& where, call const& what, std::shared_ptr<void const> kept)
        : where_{where},
          what_{what},
          kept_{std::move(kept)} {}
    ~mpi_started() override { leave(); }

    void start_natively() {
        where_.native.perform(what_, &native_);
        enter();
    }
    /// @param turn  tells schedules apart that are under way at the same time
    void start_schedule(std::unique_ptr<message_rounds> rounds, unsigned turn) {
        tag_ = lane::compared + lane::numbers + static_cast<int>(turn % 20'000);  // MPI promises tags up to 32767
        is_schedule_ = true;
        start_rounds(std::move(rounds));
    }
    void start_rounds(std::unique_ptr<message_rounds> rounds) {
        rounds_ = std::move(rounds);
        enter();
    }
    void start_messages(std::span<message const> round) {
        transfer_.begin(where_.group, round, what_);
        moving_ = true;
        enter();
    }

    void wait() override {
        watchdog::watched const watched{where_.dog, what_};
        for (mpi_pause pause{where_.rests}; !over_; pause()) where_.all.progress();
        if (error_) std::rethrow_exception(error_);
    }
    bool ready() override {
        if (!over_) where_.all.progress();
        if (error_) std::rethrow_exception(error_);
        return over_;
    }
    void progress() override {
        if (over_) return;
        try {
            if (native_.request != MPI_REQUEST_NULL) {
                int complete = 0;
                check_mpi(MPI_Test(&native_.request, &complete, MPI_STATUS_IGNORE), "MPI_Test");
                if (!complete) return;
                native_.finish();
            }
            for (;;) {
                if (moving_ && !transfer_.test(rounds_ ? rounds_->what() : what_)) return;
                auto const round = rounds_ ? rounds_->next() : std::span<message const>{};
                moving_ = !round.empty();
                if (!moving_) return leave();
                transfer_.begin(where_.group, round, rounds_->what(), tag_);
            }
        } catch (...) {
            error_ = std::current_exception();
            leave();
        }
    }
    bool is_schedule_of(MPI_Comm group) const override { return is_schedule_ && where_.group == group; }
    call const& what() const override { return what_; }

private:
    void enter() {
        over_ = false;
        where_.all.add(*this);
        progress();
    }
    void leave() {
        if (over_) return;
        over_ = true;
        where_.all.remove(*this);
    }

    place where_;
    call what_;
    std::shared_ptr<void const> kept_;
    mpi_request native_;
    std::unique_ptr<message_rounds> rounds_;
    mpi_transfer transfer_;
    int tag_ = 0;  // of a schedule, whose messages must not be taken for those of another that is under way
    bool is_schedule_ = false, moving_ = false, over_ = true;
    std::exception_ptr error_;
};

}  // namespace tutti::detail
