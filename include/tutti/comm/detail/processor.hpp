#pragma once

#include <cstddef>

namespace tutti::detail {

/// Tells the processor that this is a spin loop.
inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

/// Has the cache lines that begin at `line`, up to `bytes` from there, fetched from whoever has read them, before they are written:
/// all at once, where the writes would wait for one after another.
inline void will_write([[maybe_unused]] std::byte const* line, [[maybe_unused]] std::size_t bytes) {
    for (std::size_t at = 0; at < bytes; at += 64) {
#if defined(__x86_64__)
        asm volatile("prefetchw %0" : : "m"(line[at]));  // which the builtin is only by -mprfchw
#else
        __builtin_prefetch(line + at, 1);
#endif
    }
}

}  // namespace tutti::detail
