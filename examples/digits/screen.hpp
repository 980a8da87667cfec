#pragma once

#include <langinfo.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <clocale>
#include <cstdint>
#include <string>
#include <string_view>

namespace digits {

/// What standard output leads to.
struct screen {
    bool terminal = isatty(STDOUT_FILENO) == 1;
    bool unicode = std::setlocale(LC_CTYPE, "") && std::string_view{nl_langinfo(CODESET)} == "UTF-8";

    /// Of the terminal, which may be resized at any time.
    static int columns() {
        winsize size{};
        return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
    }
};

/// "12,345,678"
inline std::string grouped(std::uint64_t number) {
    std::string text = std::to_string(number);
    for (std::size_t digits = 3; digits < text.size(); digits += 4) text.insert(text.size() - digits, 1, ',');
    return text;
}

inline std::string grouped(double number) { return grouped(static_cast<std::uint64_t>(number + 0.5)); }

}  // namespace digits
