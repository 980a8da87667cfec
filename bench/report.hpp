#pragma once

#include <nlohmann/json.hpp>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>

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

/// Does nothing when `path` is empty.
inline void write(std::string const& path, nlohmann::json const& results) {
    if (path.empty()) return;
    std::ofstream file{path};
    file << results.dump(1) << '\n';
    if (!file.flush()) throw std::runtime_error{"cannot write " + path};
}

}  // namespace bench
