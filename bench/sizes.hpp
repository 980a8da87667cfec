#pragma once

#include "../examples/command_line.hpp"

#include <cstddef>
#include <string>

namespace bench {

/// Sizes in bytes of what is summed: whole floats.
struct sizes {
    std::size_t from, to, factor;
};

/// A number of bytes, once CLI::AsSizeValue has read it.
inline CLI::Validator whole_floats(std::size_t least) {
    return {[least](std::string const& text) {
                std::size_t bytes = 0;
                bool const fits = CLI::detail::lexical_cast(text, bytes) && bytes >= least && bytes % sizeof(float) == 0;
                return fits ? std::string{} : text + " bytes: expected whole floats, " + std::to_string(least) + " bytes or more";
            },
            ""};
}

/// Adds `--from`, `--to` and `--factor`.
inline void add_sizes(CLI::App& app, sizes& wanted) {
    app.add_option("--from", wanted.from, "smallest size in bytes, such as 8 or 64KiB")
        ->transform(CLI::AsSizeValue{false})
        ->check(whole_floats(sizeof(float)));
    app.add_option("--to", wanted.to, "largest size")->transform(CLI::AsSizeValue{false});
    app.add_option("--factor", wanted.factor, "from one size to the next")->check(CLI::Range(2, 1024));
    app.callback([&wanted] {
        if (wanted.from > wanted.to)
            throw CLI::ValidationError{"--from",
                                       std::to_string(wanted.from) + " bytes are more than --to's " + std::to_string(wanted.to)};
    });
}

}  // namespace bench
