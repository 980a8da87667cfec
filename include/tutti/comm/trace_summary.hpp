#pragma once

#include <tutti/concepts/call.hpp>

#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

namespace tutti::comm {

/// What one rank has called: how often, how much, how long. A value; owns all it holds.
struct trace_summary {
    /// All calls of one collective; those whose parts differ and those that were started included.
    struct row {
        collective kind = collective::none;
        std::size_t calls = 0;
        std::size_t bytes = 0;  ///< of the larger one of this rank's two buffers, summed over calls
        double seconds = 0;     ///< spent in calls, waiting for peers included
    };
    std::vector<row> rows;  ///< of what was called at all, in the order of `collective`

    /// The row of `kind`; one of zeros if it was not called.
    row of(collective kind) const {
        for (row const& each : rows)
            if (each.kind == kind) return each;
        return {.kind = kind};
    }

    /// The rows as lines of text, a heading first and all together last.
    template <class = void>
    std::string table() const {
        std::string text;
        char line[96];
        std::snprintf(line, sizeof line, "%-16s%10s%16s%14s\n", "", "calls", "bytes", "ms");
        text += line;
        row all;
        auto add = [&](char const* label, row const& each) {
            std::snprintf(line, sizeof line, "%-16s%10zu%16zu%14.3f\n", label, each.calls, each.bytes, 1e3 * each.seconds);
            text += line;
        };
        for (row const& each : rows) {
            add(std::string{name(each.kind)}.c_str(), each);
            all.calls += each.calls, all.bytes += each.bytes, all.seconds += each.seconds;
        }
        add("together", all);
        return text;
    }
};

}  // namespace tutti::comm
