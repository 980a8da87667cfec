#pragma once

#include <tutti/comm/detail/call_signature.hpp>
#include <tutti/concepts/call.hpp>
#include <tutti/detail/hash.hpp>
#include <tutti/detail/least_chrono.hpp>
#include <tutti/detail/text.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tutti::detail {

/// One call of one rank, as its trace shows it.
struct traced_call {
    using clock = std::chrono::steady_clock;
    collective kind = collective::none;
    algorithm_id algorithm = algorithm_id::automatic;
    bool uneven = false;
    bool started = false;  ///< by a `start_…`: `begin` is its start, `end` when this rank has found it complete
    bool running = false;  ///< started, and not found complete
    bool open = false;     ///< its rank is in it right now
    std::size_t elements = 0;  ///< of the larger one of this rank's two buffers
    element_type const* type = nullptr;
    reduction const* reduce = nullptr;
    clock::time_point begin{}, end{};
    clock::duration inside{};  ///< spent in the call; of a started one, in its start, `ready` and `wait`

    std::size_t bytes() const { return type ? elements * type->size : 0; }
};

/// The calls of one rank on one group, for a thread that makes them and others that look at them.
class call_notes {
public:
    std::size_t add(traced_call const& one) {
        std::lock_guard const lock{mutex_};
        calls_.push_back(one);
        return forgotten_ + calls_.size() - 1;
    }
    template <class Change>
    void change(std::size_t at, Change change) {
        std::lock_guard const lock{mutex_};
        if (at >= forgotten_) change(calls_[at - forgotten_]);
    }
    std::vector<traced_call> copy() const {
        std::lock_guard const lock{mutex_};
        return calls_;
    }
    /// Whether none of them goes on.
    bool are_over() const {
        std::lock_guard const lock{mutex_};
        return std::none_of(calls_.begin(), calls_.end(), [](auto const& each) { return each.running || each.open; });
    }
    void clear() {
        std::lock_guard const lock{mutex_};
        forgotten_ += calls_.size();
        calls_.clear();
    }

private:
    mutable std::mutex mutex_;
    std::vector<traced_call> calls_;
    std::size_t forgotten_ = 0;  // calls before these; one of them may still go on in another thread
};

/// Elements of the larger one of this rank's two buffers.
template <class = void>
std::size_t elements_of(call const& what, int rank, int size) {
    if (!what.type) return 0;
    auto const ranks = static_cast<std::size_t>(size);
    auto all = [&](std::size_t const* counts) {
        return counts ? std::accumulate(counts, counts + ranks, std::size_t{0}) : ranks * what.count;
    };
    if (what.kind == collective::all_to_all)
        return std::max(all(what.counts), all(what.receive_counts ? what.receive_counts : what.counts));
    bool const parts = brings_parts(what.kind) || gets_parts(what.kind);
    if (!parts) return what.count;
    if (what.root < 0 || what.root == rank) return all(what.counts);
    return what.counts ? what.counts[rank] : what.count;
}
template <class = void>
std::size_t elements_of(std::span<message const> round) {
    std::size_t sent = 0, received = 0;
    for (message const& each : round) (each.what == message::action::send ? sent : received) += each.count;
    return std::max(sent, received);
}

/// `text` as a string of JSON.
template <class = void>
std::string json_string(std::string_view text) {
    std::string quoted = "\"";
    for (char const each : text) {
        auto const code = static_cast<unsigned char>(each);
        if (each == '"' || each == '\\') quoted += '\\', quoted += each;
        else if (code < 0x20) {
            char escaped[8];
            std::snprintf(escaped, sizeof escaped, "\\u%04x", unsigned{code});
            quoted += escaped;
        } else quoted += each;
    }
    return quoted + '"';
}

/// Microseconds, to the nanosecond, whatever the locale.
template <class = void>
std::string json_microseconds(std::chrono::nanoseconds time) {
    auto const count = time.count();
    auto const magnitude = count < 0 ? -count : count;
    auto const digit = [&](int divisor) { return magnitude / divisor % 10; };
    return joined({count < 0 ? "-" : "", magnitude / 1000, ".", digit(100), digit(10), digit(1)});
}

/// The events of one rank in Chrome's trace format, as the items of a list, without a comma at either end.
/// @param detached  0: of the group itself; else of the so-manieth that was detached from it, on a track of its own
/// Source: "Trace Event Format", The Chromium Authors
template <class = void>
std::string trace_events(std::span<traced_call const> calls, int rank, int ranks, int detached,
                         traced_call::clock::time_point epoch) {
    auto const tid = rank + detached * ranks;
    auto const track = joined({"\"pid\":0,\"tid\":", tid});
    auto text = joined({R"({"name":"thread_name","ph":"M",)", track, R"(,"args":{"name":"rank )", rank,
                        detached == 0 ? "\"}},\n" : ", detached\"}},\n",
                        R"({"name":"thread_sort_index","ph":"M",)", track, R"(,"args":{"sort_index":)", rank, "}}"});
    std::size_t number = 0;
    for (traced_call const& each : calls) {
        ++number;
        auto const end = each.running || each.open ? traced_call::clock::now() : each.end;
        auto const begin = each.begin - epoch;
        auto const head = joined({",\n{\"name\":\"", name(each.kind), each.uneven ? "_v" : "",
                                  each.started ? R"(","cat":"started",)" : R"(","cat":"blocking",)", track});
        auto args = joined({R"(,"args":{"bytes":)", each.bytes(), R"(,"elements":)", each.elements, R"(,"algorithm":)",
                            json_string(name(each.algorithm))});
        if (each.type) append(args, {R"(,"type":)", json_string(each.type->name)});
        if (each.reduce) append(args, {R"(,"operation":)", json_string(each.reduce->name)});
        append(args, {"}}"});
        if (!each.started) {
            append(text, {head, R"(,"ph":"X","ts":)", json_microseconds(begin), R"(,"dur":)", json_microseconds(end - each.begin),
                          args});
            continue;
        }
        auto const id = joined({R"(,"id":")", tid, ".", number, "\""});
        append(text, {head, id, R"(,"ph":"b","ts":)", json_microseconds(begin), args});
        append(text, {head, id, R"(,"ph":"e","ts":)", json_microseconds(end - epoch), "}"});
    }
    return text;
}

/// Writes a file of Chrome's trace format around the events of all ranks; says whether all of it was written.
template <class = void>
bool write_trace_file(char const* path, std::string_view events) {
    std::FILE* const file = std::fopen(path, "wb");
    if (!file) return false;
    std::string_view const head = "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n"
                                  R"({"name":"process_name","ph":"M","pid":0,"tid":0,"args":{"name":"tutti"}},)"
                                  "\n";
    bool written = true;
    for (auto const part : {head, events, std::string_view{"\n]}\n"}})
        written = std::fwrite(part.data(), 1, part.size(), file) == part.size() && written;
    return std::fclose(file) == 0 && written;
}

/// A hash of what is the same for all processes whose steady clocks agree: those of one start of one Linux. 0 where it is unknown.
template <class = void>
std::uint64_t clock_domain() {
    std::FILE* const file = std::fopen("/proc/sys/kernel/random/boot_id", "rb");
    if (!file) return 0;
    char id[64];
    std::size_t const length = std::fread(id, 1, sizeof id, file);
    std::fclose(file);
    return length == 0 ? 0 : hash_of({id, length});
}

}  // namespace tutti::detail
