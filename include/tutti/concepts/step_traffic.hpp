#pragma once

#include <tutti/concepts/call.hpp>

#include <vector>

namespace tutti {

/// Bytes that one rank hands to collectives per optimiser step, by collective: what `comm::traced` counts, so of the larger one of
/// its two buffers; messages count where they are sent and where they are received. How many bytes cross a link is the algorithm's:
/// a ring's all-reduce of n sends 2 (p - 1) / p n. A mean over steps, where steps differ.
struct step_traffic {
    struct row {
        collective kind = collective::none;
        double bytes = 0;
    };
    std::vector<row> rows{};  ///< each collective once

    /// Bytes handed to collectives of this kind.
    double of(collective kind) const {
        for (row const& each : rows)
            if (each.kind == kind) return each.bytes;
        return 0;
    }
    double total() const {
        double sum = 0;
        for (row const& each : rows) sum += each.bytes;
        return sum;
    }

    void add(collective kind, double bytes) {
        if (bytes == 0) return;
        for (row& each : rows)
            if (each.kind == kind) {
                each.bytes += bytes;
                return;
            }
        rows.push_back({kind, bytes});
    }
};

}  // namespace tutti
