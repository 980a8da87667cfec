#pragma once

#include <tutti/comm/detail/mpi_types.hpp>
#include <tutti/concepts/call.hpp>
#include <tutti/detail/aligned_bytes.hpp>
#include <tutti/detail/least_standard.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace tutti::detail {

/// One round of messages under way.
class mpi_transfer {
public:
    /// @param first_tag  of the lanes, one after the other
    void begin(MPI_Comm group, std::span<message const> round, call const& what, int first_tag = 0) {
        std::size_t const size = what.type->size, alignment = std::max<std::size_t>(what.type->alignment, 64);
        std::size_t room = 0;
        auto slot = [&](std::size_t count) { return (count * size + alignment - 1) / alignment * alignment; };
        for (message const& each : round)
            if (folds(each)) room += slot(each.count);
        if (room > capacity_ || alignment > alignment_)
            landing_ = aligned_bytes{room, alignment}, capacity_ = room, alignment_ = alignment;
        std::byte* free = landing_.data();
        round_.clear();
        places_.clear();
        requests_.assign(round.size(), MPI_REQUEST_NULL);
        for (std::size_t k = 0; k < round.size(); ++k) {
            message const& each = round[k];
            round_.push_back(each);
            places_.push_back(folds(each) ? std::exchange(free, free + slot(each.count)) : each.data);
            mpi_elements const elements{*what.type, each.count};
            int const tag = first_tag + each.lane;
            if (each.what == message::action::send)
                check_mpi(MPI_Isend(each.data, elements.count(), elements.type(), each.peer, tag, group, &requests_[k]),
                          "MPI_Isend");
            else
                check_mpi(MPI_Irecv(places_[k], elements.count(), elements.type(), each.peer, tag, group, &requests_[k]),
                          "MPI_Irecv");
        }
        statuses_.resize(round.size());
    }
    bool test(call const& what) {
        int complete = 0;
        int const code = MPI_Testall(static_cast<int>(requests_.size()), requests_.data(), &complete, statuses_.data());
        if (complete || code != MPI_SUCCESS) finish(code, what);
        return complete != 0;
    }
    void wait(call const& what) {
        finish(MPI_Waitall(static_cast<int>(requests_.size()), requests_.data(), statuses_.data()), what);
    }

private:
    static bool folds(message const& each) {
        return each.what == message::action::receive_before || each.what == message::action::receive_after;
    }
    void finish(int code, call const& what) {
        for (std::size_t k = 0; k < round_.size(); ++k) {
            message const& each = round_[k];
            if (each.what == message::action::send) continue;
            if (code == MPI_ERR_IN_STATUS && statuses_[k].MPI_ERROR == MPI_ERR_TRUNCATE) mismatch(each, what, "more");
        }
        if (code != MPI_ERR_IN_STATUS) check_mpi(code, "MPI_Waitall");
        else
            for (auto const& each : statuses_) check_mpi(each.MPI_ERROR, "MPI_Waitall");
        for (std::size_t k = 0; k < round_.size(); ++k) {
            message const& each = round_[k];
            if (each.what == message::action::send) continue;
            MPI_Count bytes = 0;
            MPI_Get_elements_x(&statuses_[k], MPI_BYTE, &bytes);
            if (bytes != MPI_UNDEFINED && static_cast<std::size_t>(bytes) != each.count * what.type->size)
                mismatch(each, what, "fewer");
            if (!folds(each)) continue;
            std::byte* const to = each.data;
            std::array<std::byte const*, 2> both{places_[k], to};
            if (each.what == message::action::receive_after) std::swap(both[0], both[1]);
            what.reduce->fold(what.operation, &to, 1, both.data(), 2, 0, each.count);
        }
    }
    [[noreturn]] static void mismatch(message const& each, call const& what, char const* than) {
        raise<collective_mismatch>({"tutti: ranks disagree: rank ", each.peer, " sent ", than, " than the ", each.count, " x ",
                                    what.type->name, " expected of it (in ", describe(what), ")"});
    }

    std::vector<message> round_;
    std::vector<std::byte*> places_;  // where each message's data lands
    std::vector<MPI_Request> requests_;
    std::vector<MPI_Status> statuses_;
    aligned_bytes landing_;
    std::size_t capacity_ = 0, alignment_ = 0;
};

}  // namespace tutti::detail
