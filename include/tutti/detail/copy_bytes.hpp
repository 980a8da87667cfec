#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tutti::detail {

/// Copies 64 bytes or more, 16 at a time, as every x86-64 can.
template <class = void>
[[gnu::noinline]] void copy_by_registers(std::byte* to, std::byte const* from, std::size_t bytes) {
    typedef unsigned char lanes __attribute__((vector_size(16)));
    auto copy_four = [&](std::size_t at) {
        lanes a, b, c, d;
        std::memcpy(&a, from + at, 16), std::memcpy(&b, from + at + 16, 16);
        std::memcpy(&c, from + at + 32, 16), std::memcpy(&d, from + at + 48, 16);
        std::memcpy(to + at, &a, 16), std::memcpy(to + at + 16, &b, 16);
        std::memcpy(to + at + 32, &c, 16), std::memcpy(to + at + 48, &d, 16);
    };
    for (std::size_t at = 0; bytes - at >= 64; at += 64) copy_four(at);
    copy_four(bytes - 64);  // what is left, and some of it again
}

/// Whether memcpy may be many times as slow as it should be: AMD's Zen 3 and 4 announce a fast `rep movsb`, by which glibc then copies
/// from 2 KiB to the size of a cache, and which takes 20 times as long where the destination begins 1 to 31 bytes past the source, by
/// their places in a page. Memory from `malloc` often begins 16 bytes past a page, windows and mapped files at one.
/// Source: https://sourceware.org/bugzilla/show_bug.cgi?id=30994 and 30995
inline bool is_slow_to_copy(void const* to, void const* from, std::size_t bytes) {
#if defined(__x86_64__)
    auto const ahead = (reinterpret_cast<std::uintptr_t>(to) - reinterpret_cast<std::uintptr_t>(from)) % 4096;
    return bytes > 2048 && bytes <= 1'048'576 && ahead - 1 < 31;
#else
    return static_cast<void>(to), static_cast<void>(from), static_cast<void>(bytes), false;
#endif
}

/// std::memcpy, for any number of bytes, without the places at which that is slow.
inline void copy_bytes(void* to, void const* from, std::size_t bytes) {
    if (is_slow_to_copy(to, from, bytes)) copy_by_registers(static_cast<std::byte*>(to), static_cast<std::byte const*>(from), bytes);
    else if (bytes != 0) std::memcpy(to, from, bytes);
}

}  // namespace tutti::detail
