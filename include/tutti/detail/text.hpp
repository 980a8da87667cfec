#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

namespace tutti::detail {

/// A piece of a text: characters that live elsewhere, or a whole number. What texts are made of, as chains of `+` and
/// `std::to_string` take long to compile.
class piece {
public:
    piece(char const* text) : text_{text}, value_{std::strlen(text)} {}
    piece(std::string_view text) : text_{text.data()}, value_{text.size()} {}
    piece(std::string const& text) : text_{text.data()}, value_{text.size()} {}
    template <std::integral Number>
        requires(sizeof(Number) > 1)  // no characters
    piece(Number number) : kind_{kind::number}, value_{static_cast<std::uint64_t>(number)} {
        if constexpr (std::is_signed_v<Number>)
            if (number < 0) kind_ = kind::negative, value_ = 0 - value_;
    }

    void append_to(std::string& whole) const {
        if (kind_ == kind::text) {
            whole.append(text_, value_);
            return;
        }
        char digits[24];
        char* const end = digits + sizeof digits;
        char* first = end;
        std::uint64_t rest = value_;
        do {
            *--first = static_cast<char>('0' + rest % 10);
            rest /= 10;
        } while (rest != 0);
        if (kind_ == kind::negative) *--first = '-';
        whole.append(first, static_cast<std::size_t>(end - first));
    }

private:
    enum class kind : std::uint8_t { text, number, negative };
    kind kind_ = kind::text;
    char const* text_ = nullptr;
    std::uint64_t value_;  // the number without its sign, or the length of the text
};

/// Appends the pieces to `whole`.
[[gnu::cold]] inline void append(std::string& whole, std::initializer_list<piece> pieces) {
    for (piece const& each : pieces) each.append_to(whole);
}

/// The pieces, one after another.
[[gnu::cold]] inline std::string joined(std::initializer_list<piece> pieces) {
    std::string whole;
    append(whole, pieces);
    return whole;
}

/// Throws an `Error` whose text is the pieces.
template <class Error>
[[noreturn, gnu::cold]] void raise(std::initializer_list<piece> pieces) {
    throw Error{joined(pieces)};
}

/// What is being thrown, in words.
[[gnu::cold]] inline std::string text_of_exception() {
    try {
        throw;
    } catch (std::exception const& problem) {
        return problem.what();
    } catch (...) {
        return "something that is no std::exception was thrown";
    }
}

}  // namespace tutti::detail
