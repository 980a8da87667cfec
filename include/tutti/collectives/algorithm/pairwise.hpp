#pragma once

#include <tutti/collectives/schedule.hpp>

#include <cstddef>

namespace tutti::algorithm {

/// In round k every rank sends to the rank k after it and receives from the rank k before it.
/// Cost:   (p-1) alpha + (p-1)/p n beta for n bytes of input [+ (p-1)/p n gamma]
/// Order:  reduce_scatter folds in the order in which parts arrive: only for operations that commute
/// Source: Thakur, Rabenseifner and Gropp 2005, doi 10.1177/1094342005051521, section 4.3
struct pairwise {
    static constexpr algorithm_id id = algorithm_id::pairwise;
    static constexpr bool makes(collective kind) { return kind == collective::all_to_all || kind == collective::reduce_scatter; }
    static constexpr bool keeps_order = false;

    static constexpr rank_schedule steps(schedule_shape const& shape, int rank) {
        rank_schedule mine;
        int const p = shape.size;
        bool const folds = shape.kind == collective::reduce_scatter;
        auto part = [&](int k) { return static_cast<std::size_t>(k) * shape.count; };
        mine.local(0, {memory::out, folds ? 0 : part(rank)}, {memory::in, part(rank)}, shape.count);
        for (int k = 1; k < p; ++k) {
            int const to = (rank + k) % p, from = (rank + p - k) % p;
            mine.send(k, to, {memory::in, part(to)}, shape.count);
            mine.receive(k, from, {memory::out, folds ? 0 : part(from)}, shape.count,
                         folds ? step::action::receive_after : step::action::receive);
        }
        return mine;
    }
};

}  // namespace tutti::algorithm
