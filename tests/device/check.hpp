#pragma once

#include <cuda_runtime_api.h>

#include <atomic>
#include <cstdio>
#include <string>
#include <string_view>

/// Notes what does not hold; ranks may be threads.
inline std::atomic<int> broken{0};

inline void check(bool holds, std::string_view claim, int line = __builtin_LINE()) {
    if (holds) return;
    ++broken;
    std::fprintf(stderr, "line %d: broken: %.*s\n", line, static_cast<int>(claim.size()), claim.data());
}

/// Whether `body` throws an Error whose text holds `part`.
template <class Error, class Body>
void check_throws(Body body, std::string_view part, std::string_view claim, int line = __builtin_LINE()) {
    try {
        body();
        check(false, claim, line);
    } catch (Error const& problem) {
        bool const says = std::string_view{problem.what()}.find(part) != std::string_view::npos;
        if (!says) std::fprintf(stderr, "found: %s\n", problem.what());
        check(says, claim, line);
    }
}

inline int devices() {
    int count = 0;
    return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
}

/// The program's exit code where it cannot run.
inline int skip(char const* needs) {
    std::printf("needs %s\n", needs);
    return 77;
}
