// Copies, of which some go by registers: all lengths around those at which others begin, at places where memcpy is slow and others.

#include <tutti/detail/aligned_bytes.hpp>
#include <tutti/detail/copy_bytes.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <vector>

namespace {

constexpr std::size_t page = 4096, slack = 2 * page;

std::byte pattern(std::size_t i) { return static_cast<std::byte>(i * 131 + (i >> 8) * 7 + 1); }

/// Whether exactly `bytes` bytes arrive that begin `ahead` bytes further in their page than they do at the source, `start` bytes into
/// its page.
bool copies(std::size_t bytes, std::size_t start, std::size_t ahead) {
    tutti::detail::aligned_bytes const source{bytes + slack, page}, sink{bytes + 2 * slack, page};
    for (std::size_t i = 0; i < bytes + slack; ++i) source.data()[i] = pattern(i);
    for (std::size_t i = 0; i < bytes + 2 * slack; ++i) sink.data()[i] = std::byte{0xee};
    std::size_t const to = page + start + ahead;
    tutti::detail::copy_bytes(sink.data() + to, source.data() + start, bytes);
    for (std::size_t i = 0; i < bytes + 2 * slack; ++i) {
        bool const inside = i >= to && i < to + bytes;
        if (sink.data()[i] != (inside ? pattern(i - to + start) : std::byte{0xee})) return false;
    }
    return true;
}

}  // namespace

TEST_CASE("whatever the length and the places, what was there arrives and nothing else changes") {
    std::vector<std::size_t> lengths{0, 1, 63, 64, 2047, 2048, 1'048'575, 1'048'576, 1'048'577};
    for (std::size_t more = 1; more <= 65; ++more) lengths.push_back(2048 + more);
    for (std::size_t const bytes : lengths)
        for (std::size_t const start : std::vector<std::size_t>{0, 16, 4095})
            for (std::size_t const ahead : std::vector<std::size_t>{0, 1, 16, 31, 32, 4095}) {
                INFO(bytes << " bytes from place " << start << ", " << ahead << " ahead");
                CHECK(copies(bytes, start, ahead));
            }
}

#if defined(__x86_64__)
TEST_CASE("registers copy where memcpy may be slow, and nowhere else") {
    tutti::detail::aligned_bytes const room{4 * page, page};
    auto slow = [&](std::size_t bytes, std::size_t to, std::size_t from) {
        return tutti::detail::is_slow_to_copy(room.data() + to, room.data() + from, bytes);
    };
    CHECK(slow(2049, page + 1, 0));
    CHECK(slow(4096, page + 31, 0));
    CHECK(slow(4096, 2, page - 1 + page));  // 3 bytes ahead, in a page before
    CHECK(slow(1'048'576, page + 16, 0));
    CHECK_FALSE(slow(4096, page, 0));
    CHECK_FALSE(slow(4096, page + 32, 0));
    CHECK_FALSE(slow(4096, 0, page + 1));
    CHECK_FALSE(slow(2048, page + 16, 0));
    CHECK_FALSE(slow(1'048'577, page + 16, 0));
}
#endif

TEST_CASE("nothing is copied from nowhere") {
    CHECK_NOTHROW(tutti::detail::copy_bytes(nullptr, nullptr, 0));
}
