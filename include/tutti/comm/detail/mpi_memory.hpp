#pragma once

#include <tutti/comm/detail/mpi_types.hpp>
#include <tutti/comm/detail/shared_group.hpp>
#include <tutti/comm/detail/shared_rank.hpp>
#include <tutti/concepts/call.hpp>
#include <tutti/detail/least_chrono.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

namespace tutti::detail {

/// A window of memory that all ranks of a group, on one host, see. Made and freed by all of them together.
class mpi_window {
public:
    /// @param bytes  of this rank
    mpi_window(MPI_Comm group, int ranks, std::size_t bytes) : unwinding_{std::uncaught_exceptions()} {
        // Open MPI begins a part anywhere in a page, at the same place of it in every process: so each begins at the next page.
        constexpr std::size_t page = 4096;
        void* mine = nullptr;
        auto const room = static_cast<MPI_Aint>((bytes + page - 1) / page * page + page);
        check_mpi(MPI_Win_allocate_shared(room, 1, MPI_INFO_NULL, group, &mine, &window_), "MPI_Win_allocate_shared");
        for (int rank = 0; rank < ranks; ++rank) {
            MPI_Aint size = 0;
            int unit = 0;
            void* at = nullptr;
            check_mpi(MPI_Win_shared_query(window_, rank, &size, &unit, &at), "MPI_Win_shared_query");
            auto* const first = static_cast<std::byte*>(at);
            ranks_.push_back(first + (page - reinterpret_cast<std::uintptr_t>(first) % page) % page);
        }
    }
    mpi_window(mpi_window const&) = delete;
    mpi_window& operator=(mpi_window const&) = delete;
    /// Waits for the peers; but not on the way out of an exception, which they may know nothing of.
    ~mpi_window() {
        int finalized = 0;
        MPI_Finalized(&finalized);
        if (!finalized && std::uncaught_exceptions() <= unwinding_) MPI_Win_free(&window_);
    }

    /// Where this process sees each rank's part.
    std::vector<std::byte*> const& ranks() const { return ranks_; }

private:
    MPI_Win window_ = MPI_WIN_NULL;
    std::vector<std::byte*> ranks_;
    int unwinding_;
};

/// Memory that all ranks of a group share, and collectives by it.
class mpi_meeting_place {
public:
    virtual ~mpi_meeting_place() = default;

    /// `bytes` of each rank, the same number on all of them, that peers reach until the result is gone. Collective, and so is that.
    virtual std::pair<std::shared_ptr<void>, std::byte*> allocate(std::size_t bytes) = 0;

    /// Meets the peers, compares what they call, and performs the call if all its data can be reached. Collective.
    /// @return whether it did
    virtual bool perform(call const& what) = 0;
};

/// What processes of one host need to perform collectives as threads do: a group in a window, and windows for the data.
class mpi_memory final : public mpi_meeting_place {
public:
    /// @param behind  what goes on while this rank waits
    mpi_memory(MPI_Comm group, int rank, int ranks, std::chrono::milliseconds timeout, background& behind)
        : mpi_group_{group},
          window_{group, ranks, rank == 0 ? shared_group::bytes(ranks) : 0},
          group_{ranks, timeout, window_.ranks()[0]},
          mine_{group_, rank} {
        mine_.let_go_on(behind);
        if (rank == 0) group_.make();
        check_mpi(MPI_Barrier(group), "MPI_Barrier");
    }

    std::pair<std::shared_ptr<void>, std::byte*> allocate(std::size_t bytes) override {
        auto* const window = new open_window{*this, bytes};
        std::shared_ptr<void> kept{window};
        return {std::move(kept), window->memory.ranks()[static_cast<std::size_t>(mine_.rank())]};
    }

    bool perform(call const& what) override {
        auto const sequence = mine_.publish(what);
        mine_.meet(what, sequence);
        if (!mine_.can_move(what, sequence)) return false;
        mine_.move(what, sequence);
        mine_.settle(what, sequence);
        return true;
    }

private:
    struct open_window {
        open_window(mpi_memory& of, std::size_t bytes)
            : owner{of},
              memory{of.mpi_group_, of.group_.size(), bytes},
              index{of.free_window()} {
            owner.windows_[index] = {bytes, memory.ranks().data()};
            owner.group_.windows().see(owner.windows_);
        }
        open_window(open_window const&) = delete;
        open_window& operator=(open_window const&) = delete;
        ~open_window() { owner.windows_[index] = {}; }

        mpi_memory& owner;
        mpi_window memory;
        std::size_t index;
    };

    /// The first that is not open.
    std::size_t free_window() {
        std::size_t free = 0;
        while (free < windows_.size() && windows_[free].ranks) ++free;
        if (free == windows_.size()) windows_.emplace_back();
        return free;
    }

    MPI_Comm mpi_group_;
    mpi_window window_;
    std::vector<shared_windows::window> windows_;  // open, or free
    shared_group group_;
    shared_rank mine_;
};

}  // namespace tutti::detail
