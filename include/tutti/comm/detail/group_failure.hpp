#pragma once

#include <tutti/detail/aligned_bytes.hpp>
#include <tutti/detail/least_standard.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <thread>

namespace tutti::detail {

/// A text in memory that ranks share; its end is lost where it is longer than the room.
template <std::size_t Room>
class note {
public:
    void write(std::string_view text) {
        auto const length = std::min(text.size(), Room - 1);
        std::memcpy(text_, text.data(), length);
        text_[length] = 0;
    }
    char const* read() const { return text_; }

private:
    char text_[Room] = {};
};

/// A mark for each rank, set or not.
class marks {
public:
    marks(std::size_t ranks, bool set) : marks_{ranks} { std::memset(marks_.data(), set, ranks); }
    void set(int rank, bool to = true) { marks_.data()[rank] = std::byte{to}; }
    bool operator[](std::size_t rank) const { return marks_.data()[rank] != std::byte{0}; }

private:
    aligned_bytes marks_;
};

/// What ended a group, and with it all that share this object: told once, by who comes first, in memory that every rank sees.
class alignas(64) group_failure {
public:
    enum class cause : std::uint8_t { failed, late, disagreed };

    bool told() const { return stage_.load(std::memory_order_seq_cst) == stage::told; }

    /// True for the one who may tell, and then must. False for others, when it is told.
    [[gnu::cold]] bool claim() {
        auto expected = stage::none;
        if (stage_.compare_exchange_strong(expected, stage::being_told, std::memory_order_seq_cst)) return true;
        while (!told()) std::this_thread::yield();
        return false;
    }
    /// @param origin   the rank of the launch that did it
    /// @param only_in  the one call whose ranks get the exception of the cause, or 0
    [[gnu::cold]] void tell(int origin, cause why, std::uint64_t only_in, std::string_view text) {
        origin_ = origin;
        why_ = why;
        only_in_ = only_in;
        text_.write(text);
        stage_.store(stage::told, std::memory_order_seq_cst);
    }

    /// Of what is told.
    int origin() const { return origin_; }
    cause why() const { return why_; }
    bool concerns(std::uint64_t sequence) const { return only_in_ == 0 || only_in_ == sequence; }
    char const* text() const { return text_.read(); }

private:
    enum class stage : int { none, being_told, told };
    std::atomic<stage> stage_{stage::none};
    int origin_ = -1;
    cause why_ = cause::failed;
    std::uint64_t only_in_ = 0;
    note<4096> text_;
};

}  // namespace tutti::detail
