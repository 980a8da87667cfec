#pragma once

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace bench {

/// The program whose instructions are counted: this one as built for any processor of its kind, since valgrind does not know
/// all instructions of the newest.
inline std::filesystem::path portable_program() {
    auto const self = std::filesystem::read_symlink("/proc/self/exe");
    auto const name = self.filename().string();
    auto const portable = name.ends_with("_portable") ? self : self.parent_path() / (name + "_portable");
    if (!std::filesystem::exists(portable))
        throw std::runtime_error{portable.string() + " is not there: target bench." + name + " builds it"};
    return portable;
}

/// Instructions that a command executes, user mode, by valgrind.
/// @throws std::runtime_error  with valgrind's words, when it is not installed or the command fails
inline double instructions_of(std::string const& command) {
    std::string const all = "valgrind --tool=callgrind --callgrind-out-file=/dev/null " + command + " 2>&1";
    std::FILE* const pipe = popen(all.c_str(), "r");
    if (!pipe) throw std::runtime_error{"cannot run " + all};
    std::string said;
    for (char buffer[4096]; std::fgets(buffer, sizeof buffer, pipe);) said += buffer;
    int const status = pclose(pipe);
    auto const at = said.find("Collected :");
    if (status != 0 || at == std::string::npos) throw std::runtime_error{all + " failed; is valgrind installed?\n" + said};
    return std::stod(said.substr(at + 11));
}

/// @throws std::runtime_error  when no instructions can be counted here, so that a program says so before it begins
inline void check_counting() {
    portable_program();
    if (std::system("valgrind --version >/dev/null 2>&1") != 0)
        throw std::runtime_error{"valgrind, which counts instructions, is not installed"};
}

}  // namespace bench
