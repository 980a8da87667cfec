#pragma once

#include <tutti/concepts/call.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <array>
#include <charconv>
#include <cstddef>
#include <iosfwd>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace tutti {

/// In a row of a table: for any number of ranks, for parts of any size.
inline constexpr int any_ranks = std::numeric_limits<int>::max();
inline constexpr std::size_t any_bytes = std::numeric_limits<std::size_t>::max();

/// A row of a table: which calls it is for, and what makes them.
struct choice {
    collective kind = collective::none;
    int ranks = any_ranks;                ///< up to how many, inclusive
    std::size_t bytes = any_bytes;        ///< up to how many of one part (`call::bytes`), inclusive; 0 for a barrier
    bool commutes = false;                ///< only for operations that are known to commute
    algorithm_id by = algorithm_id::own;  ///< own: what the communicator does itself

    friend constexpr bool operator==(choice const&, choice const&) = default;

    constexpr bool fits(collective what, std::size_t size, int p, bool commuting) const {
        return what == kind && size <= bytes && p <= ranks && (commuting || !commutes);
    }
};

/// Which algorithm makes which call: the first row that fits. Calls that none fits are made by the communicator itself, so an
/// empty table is the one for communicators that have collectives of their own. A plain value: tables for fewer ranks put before
/// those for more are one table.
struct choice_table {
    std::vector<choice> rows{};

    friend bool operator==(choice_table const&, choice_table const&) = default;
};

/// For communicators that only exchange messages: every call fits a row, by an algorithm that can make it. Between two ranks,
/// where all take one round, the one with the fewest copies, that sends from the input: what was just copied is slow to read.
/// Source: crossovers of alpha-beta-gamma costs at 2 us, 0.1 ns and 0.05 ns, all_reduce: L alpha / (beta (L - 2 (p-1)/p) +
///         gamma (L - (p-1)/p)); broadcast and all_gather as in MPICH: Thakur, Rabenseifner and Gropp 2005,
///         doi 10.1177/1094342005051521
inline constexpr std::array message_choices{
    choice{.kind = collective::barrier, .by = algorithm_id::dissemination},
    choice{.kind = collective::broadcast, .ranks = 7, .by = algorithm_id::binomial},
    choice{.kind = collective::broadcast, .bytes = 12'288, .by = algorithm_id::binomial},
    choice{.kind = collective::broadcast, .by = algorithm_id::scatter_all_gather},
    choice{.kind = collective::reduce, .by = algorithm_id::binomial},
    choice{.kind = collective::all_reduce, .ranks = 2, .bytes = 65'536, .by = algorithm_id::one_shot},
    choice{.kind = collective::all_reduce, .ranks = 4, .bytes = 32'768, .by = algorithm_id::recursive_doubling},
    choice{.kind = collective::all_reduce, .bytes = 16'384, .by = algorithm_id::recursive_doubling},
    choice{.kind = collective::all_reduce, .commutes = true, .by = algorithm_id::circulant},
    choice{.kind = collective::all_reduce, .by = algorithm_id::rabenseifner},
    choice{.kind = collective::reduce_scatter, .ranks = 2, .commutes = true, .by = algorithm_id::pairwise},
    choice{.kind = collective::reduce_scatter, .commutes = true, .by = algorithm_id::circulant},
    choice{.kind = collective::reduce_scatter, .by = algorithm_id::two_shot},
    choice{.kind = collective::gather, .by = algorithm_id::binomial},
    choice{.kind = collective::all_gather, .ranks = 2, .by = algorithm_id::two_shot},
    choice{.kind = collective::all_gather, .ranks = 8, .bytes = 10'240, .by = algorithm_id::bruck},
    choice{.kind = collective::all_gather, .ranks = 64, .bytes = 1280, .by = algorithm_id::bruck},
    choice{.kind = collective::all_gather, .bytes = 128, .by = algorithm_id::bruck},
    choice{.kind = collective::all_gather, .by = algorithm_id::ring},
    choice{.kind = collective::scatter, .by = algorithm_id::binomial},
    choice{.kind = collective::all_to_all, .by = algorithm_id::pairwise},
    choice{.kind = collective::scan, .by = algorithm_id::hillis_steele},
    choice{.kind = collective::exclusive_scan, .by = algorithm_id::hillis_steele},
};

/// The first row that fits a call, or null. Local.
/// @param  bytes     of one part, as in `call::bytes`
/// @param  ranks     how many make the call
/// @param  commutes  whether the operation is known to; of no matter where there is none
constexpr choice const* find_choice(std::span<choice const> rows, collective kind, std::size_t bytes, int ranks, bool commutes) {
    for (choice const& row : rows)
        if (row.fits(kind, bytes, ranks, commutes)) return &row;
    return nullptr;
}

/// By what a table has a call made; `algorithm_id::own`: what the communicator does itself. Local.
constexpr algorithm_id choose(std::span<choice const> rows, collective kind, std::size_t bytes, int ranks, bool commutes) {
    auto const* const row = find_choice(rows, kind, bytes, ranks, commutes);
    return row ? row->by : algorithm_id::own;
}
constexpr algorithm_id choose(choice_table const& table, collective kind, std::size_t bytes, int ranks, bool commutes) {
    return choose(std::span<choice const>{table.rows}, kind, bytes, ranks, commutes);
}

namespace detail {

constexpr std::string_view choices_begin = "tutti choices 1", choices_end = "end";

/// Collectives that have parts of one size and can be made by an algorithm.
constexpr bool can_be_chosen_for(collective kind) { return kind > collective::none && kind < collective::send; }

constexpr std::string_view word(algorithm_id which) { return which == algorithm_id::own ? "own" : name(which); }

/// Appends `text`, and blanks up to a width.
inline void append_column(std::string& line, std::string_view text, std::size_t width) {
    line += text;
    line.append(text.size() < width ? width - text.size() : 1, ' ');
}

/// Reads a table line by line.
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
inline std::string to_text(choice_table const& table) {
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
inline choice_table parse_choices(std::string_view text) { return detail::choice_reader{text}.table(); }

/// Writes a table as text. Local.
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, choice_table const& table) {
    return out << to_text(table);
}

}  // namespace tutti
