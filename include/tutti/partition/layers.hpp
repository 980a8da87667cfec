#pragma once

#include <tutti/concepts/layer_partition.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <cstddef>
#include <vector>

namespace tutti::partition {

/// Cuts a model's layers where you say, or into stages of as many layers as can be: of those left over, the first stages have one
/// each.
struct layers {
    std::vector<std::size_t> first{};  ///< first layer of the second stage, of the third ...; empty: as even as can be

    std::vector<std::size_t> cuts(std::size_t count, std::size_t stages) const {
        std::vector<std::size_t> all{0};
        if (first.empty()) {
            for (std::size_t stage = 0; stage < stages; ++stage)
                all.push_back(all.back() + count / stages + (stage < count % stages));
            return all;
        }
        if (first.size() + 1 != stages)
            detail::raise<usage_error>(
                {"tutti: partition::layers cuts the model into ", first.size() + 1, " stages for ", stages, " ranks"});
        for (std::size_t const each : first) {
            if (each <= all.back() || each >= count)
                detail::raise<usage_error>({"tutti: partition::layers: a stage cannot begin with layer ", each, " of ", count,
                                            " after one that begins with layer ", all.back(), ": no stage may be empty"});
            all.push_back(each);
        }
        all.push_back(count);
        return all;
    }
};

}  // namespace tutti::partition
