#pragma once

#include <langinfo.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <clocale>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace digits {

/// What standard output leads to.
struct screen {
    bool terminal = isatty(STDOUT_FILENO) == 1 && can_move_cursor();  ///< on which a line can be drawn anew
    bool unicode = std::setlocale(LC_CTYPE, "") && std::string_view{nl_langinfo(CODESET)} == "UTF-8";

    static bool can_move_cursor() {
        char const* const kind = std::getenv("TERM");
        return kind && *kind && std::string_view{kind} != "dumb";
    }

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
