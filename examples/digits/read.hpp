#pragma once

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace digits {

/// A file that does not hold digits; the text says which line, and what was expected.
struct bad_data : std::runtime_error {
    using std::runtime_error::runtime_error;
};

namespace detail {

inline std::vector<std::string_view> fields_of(std::string_view line) {
    std::vector<std::string_view> fields;
    if (line.empty()) return fields;
    for (std::size_t from = 0; from <= line.size();) {
        auto const to = std::min(line.find(',', from), line.size());
        fields.push_back(line.substr(from, to - from));
        from = to + 1;
    }
    return fields;
}

inline std::string shown(std::string_view text) {
    std::string shown{text.substr(0, 20)};
    for (char& each : shown)
        if (!std::isprint(static_cast<unsigned char>(each))) each = '?';
    return "'" + shown + (text.size() > 20 ? "...'" : "'");
}

/// @param where  "file:line: ", which opens the text of errors
template <class Sample>
Sample parse(std::string_view line, std::string const& where) {
    auto const fields = fields_of(line);
    if (fields.size() != 65)
        throw bad_data{where + "expected 65 numbers (64 pixels 0-16, then the label 0-9), found " + std::to_string(fields.size())};
    auto number = [&](std::size_t k, int largest) {
        int value = 0;
        char const* const last = fields[k].data() + fields[k].size();
        auto const [end, problem] = std::from_chars(fields[k].data(), last, value);
        if (problem != std::errc{} || end != last || value < 0 || value > largest)
            throw bad_data{where + "expected " + (k < 64 ? "pixel " + std::to_string(k + 1) + " of 64" : "the label") +
                           " to be a whole number from 0 to " + std::to_string(largest) + ", found " + shown(fields[k])};
        return value;
    };
    Sample one;
    for (std::size_t k = 0; auto& pixel : one.pixels) pixel = static_cast<float>(number(k++, 16)) / 16;
    one.label = number(64, 9);
    return one;
}

}  // namespace detail

/// Reads a file with a digit on each line; lines may end as on Unix or on Windows, and the last one may be blank.
/// @tparam Sample  has `pixels`, a range of 64 numbers (0 paper, 1 ink; 8 rows of 8), and a `label`
/// @throws bad_data
template <class Sample>
std::vector<Sample> read_as(std::string const& path) {
    std::ifstream file{path, std::ios::binary};
    if (!file) throw bad_data{path + ": cannot be opened: " + std::strerror(errno)};
    std::vector<Sample> samples;
    for (std::string line; std::getline(file, line);) {
        if (!line.empty() && line.back() == '\r') line.pop_back();
        if (line.empty() && file.peek() == std::ifstream::traits_type::eof()) break;
        samples.push_back(detail::parse<Sample>(line, path + ':' + std::to_string(samples.size() + 1) + ": "));
    }
    if (file.bad()) throw bad_data{path + ": cannot be read: " + std::strerror(errno)};
    if (samples.size() < 5)
        throw bad_data{path + ": expected at least 5 lines, so that every fifth can be held out, found " +
                       std::to_string(samples.size())};
    return samples;
}

template <class Sample>
struct split_of {
    std::vector<Sample> training, held_out;
};

/// Holds out every fifth sample: lines 1, 6, 11 ...
template <class Sample>
split_of<Sample> hold_out(std::vector<Sample> const& samples) {
    split_of<Sample> parts;
    for (std::size_t row = 0; row < samples.size(); ++row) (row % 5 == 0 ? parts.held_out : parts.training).push_back(samples[row]);
    return parts;
}

}  // namespace digits
