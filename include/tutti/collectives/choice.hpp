#pragma once

/// Tables of choices as text.

#include <tutti/collectives/choice_table.hpp>
#include <tutti/concepts/call.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <charconv>
#include <cstddef>
#include <iosfwd>
#include <string>
#include <string_view>
#include <system_error>

namespace tutti {
namespace detail {

constexpr std::string_view choices_begin = "tutti choices 1", choices_end = "end";

/// Appends `text`, and blanks up to a width.
template <class = void>
void append_column(std::string& line, std::string_view text, std::size_t width) {
    line += text;
    line.append(text.size() < width ? width - text.size() : 1, ' ');
}

/// Reads a table line by line.
template <class = void>
class choice_reader {
public:
    explicit choice_reader(std::string_view text) : rest_{text} {}

    choice_table table() {
        if (!next_line() || !is_line(choices_begin)) fail("'" + std::string{choices_begin} + "'", all_);
        choice_table result;
        for (;;) {
            if (!next_line()) fail("a row, or the line '" + std::string{choices_end} + "'", "");
            if (is_line(choices_end)) break;
            result.rows.push_back(row());
        }
        if (next_line()) fail("nothing after the line '" + std::string{choices_end} + "'", all_);
        return result;
    }

private:
    choice row() {
        choice result;
        result.kind = one_of<collective>(collective::barrier, collective::exclusive_scan, "a collective, such as all_reduce",
                                         [](collective each) { return name(each); });
        result.ranks = number("a number of ranks, 1 or more, or 'any'", 1, any_ranks);
        result.bytes = number("a number of bytes, or 'any'", std::size_t{0}, any_bytes);
        auto const operation = word();
        if (operation != "any" && operation != "commutes") fail("'any' or 'commutes'", operation);
        result.commutes = operation == "commutes";
        result.by = one_of<algorithm_id>(algorithm_id::automatic, algorithm_id::own, "an algorithm, such as ring, or 'own'",
                                         [](algorithm_id each) { return detail::word(each); });
        if (auto const more = word(); !more.empty()) fail("the end of the line", more);
        return result;
    }

    /// Goes to the next line that holds more than blanks and a comment.
    bool next_line() {
        while (!rest_.empty()) {
            ++number_;
            auto const end = rest_.find('\n');
            all_ = line_ = rest_.substr(0, end);
            rest_ = end == std::string_view::npos ? std::string_view{} : rest_.substr(end + 1);
            line_ = line_.substr(0, line_.find('#'));
            while (!line_.empty() && is_blank(line_.back())) line_.remove_suffix(1);
            if (!line_.empty()) return true;
        }
        ++number_;
        all_ = line_ = {};
        return false;
    }
    bool is_line(std::string_view wanted) const { return line_ == wanted; }

    static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
    std::string_view word() {
        while (!line_.empty() && is_blank(line_.front())) line_.remove_prefix(1);
        std::size_t length = 0;
        while (length < line_.size() && !is_blank(line_[length])) ++length;
        auto const result = line_.substr(0, length);
        line_.remove_prefix(length);
        return result;
    }
    template <class Enum, class Name>
    Enum one_of(Enum first, Enum last, char const* expected, Name name_of) {
        auto const found = word();
        for (int k = static_cast<int>(first); k <= static_cast<int>(last); ++k)
            if (name_of(static_cast<Enum>(k)) == found) return static_cast<Enum>(k);
        fail(expected, found);
    }
    template <class Number>
    Number number(char const* expected, Number least, Number any) {
        auto const found = word();
        if (found == "any") return any;
        Number value{};
        auto const [end, problem] = std::from_chars(found.data(), found.data() + found.size(), value);
        if (problem != std::errc{} || end != found.data() + found.size() || value < least) fail(expected, found);
        return value;
    }
    [[noreturn]] void fail(std::string const& expected, std::string_view found) const {
        raise<usage_error>({"tutti: choices: line ", number_, ": expected ", expected, ", found ",
                            !found.empty()                  ? "'" + std::string{found} + "'"
                            : all_.empty() && rest_.empty() ? "the end of the text"
                                                            : "the end of the line"});
    }

    std::string_view rest_, all_, line_;  // what follows; the line; what is left of it, without its comment
    std::size_t number_ = 0;
};

}  // namespace detail

/// A table as text that people can read and edit, and that `parse_choices` takes back to an equal table: a row per line,
/// between the lines "tutti choices 1" and "end". Local.
/// @throws usage_error  when a row is for something that no algorithm makes, such as `collective::send`
template <class = void>
std::string to_text(choice_table const& table) {
    std::string text{detail::choices_begin};
    auto add = [&](std::string_view kind, std::string_view ranks, std::string_view bytes, std::string_view operation,
                   std::string_view by) {
        text += '\n';
        detail::append_column(text, kind, 16);
        detail::append_column(text, ranks, 8);
        detail::append_column(text, bytes, 12);
        detail::append_column(text, operation, 11);
        text += by;
    };
    add("# collective", "ranks", "bytes", "operation", "algorithm: the first row that fits, up to so many ranks and bytes");
    for (choice const& row : table.rows) {
        if (!detail::can_be_chosen_for(row.kind))
            detail::raise<usage_error>({"tutti: choices: no algorithm makes ", name(row.kind)});
        add(name(row.kind), row.ranks == any_ranks ? "any" : std::to_string(row.ranks),
            row.bytes == any_bytes ? "any" : std::to_string(row.bytes), row.commutes ? "commutes" : "any", detail::word(row.by));
    }
    return text.append("\n").append(detail::choices_end).append("\n");
}

/// The table that a text holds: what `to_text` wrote, or a person did. Blank lines and what follows a '#' mean nothing. Local.
/// @throws usage_error  with the line, what was expected there and what was found; also when the text ends too early
template <class = void>
choice_table parse_choices(std::string_view text) { return detail::choice_reader<>{text}.table(); }

/// Writes a table as text. Local.
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, choice_table const& table) {
    return out << to_text(table);
}

}  // namespace tutti
