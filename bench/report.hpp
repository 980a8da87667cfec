#pragma once

#include <nlohmann/json.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace bench {

inline std::string processor() {
    std::ifstream facts{"/proc/cpuinfo"};
    for (std::string line; std::getline(facts, line);)
        if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
    return "unknown";
}

inline std::string compiler() {
#if defined(__clang__)
    return "clang " __clang_version__;
#else
    return "g++ " __VERSION__;
#endif
}

/// What a reader needs to judge times, or to take them again.
inline nlohmann::json machine() {
    double load = 0;
    if (getloadavg(&load, 1) != 1) load = -1;
    return {{"cores", std::thread::hardware_concurrency()},
            {"processor", processor()},
            {"compiler", compiler()},
            {"flags", TUTTI_BENCH_FLAGS},
            {"load_at_start", load}};
}

inline void print(nlohmann::json const& machine) {
    std::printf("%u cores (%s), %s, %s, load %.2f\n", machine["cores"].get<unsigned>(),
                machine["processor"].get<std::string>().c_str(), machine["compiler"].get<std::string>().c_str(),
                machine["flags"].get<std::string>().c_str(), machine["load_at_start"].get<double>());
}

/// As the comparison beside peers says it.
inline void print_verdict(bool met, std::string const& goal, std::string const& how) {
    std::printf("%-12s  %s\n%-12s  %s\n", met ? "MET" : "MISSED", goal.c_str(), "", how.c_str());
}

/// A number of bytes as people write it: "64 KiB".
inline std::string show_bytes(std::size_t bytes) {
    for (auto const& [unit, size] : {std::pair{" MiB", std::size_t{1} << 20}, std::pair{" KiB", std::size_t{1} << 10}})
        if (bytes >= size && bytes % size == 0) return std::to_string(bytes / size) + unit;
    return std::to_string(bytes) + " B";
}

/// Three digits or so: 0.28, 1.05, 742.
inline std::string show_number(double value) {
    char text[64];
    std::snprintf(text, sizeof text, value >= 100 ? "%.0f" : "%.3g", value);
    return text;
}

/// What is wrong with a file that results are to be written to, or nothing: a check of `--json`, before anything is measured.
inline std::string cannot_write(std::string const& path) {
    errno = 0;
    std::ofstream const file{path, std::ios::app};  // keeps what an earlier run wrote until there is something new
    return file ? std::string{} : "cannot write " + path + ": " + std::strerror(errno);
}

/// Does nothing when `path` is empty.
inline void write(std::string const& path, nlohmann::json const& results) {
    if (path.empty()) return;
    std::ofstream file{path};
    file << results.dump(1) << '\n';
    if (!file.flush()) throw std::runtime_error{"cannot write " + path};
}

}  // namespace bench
