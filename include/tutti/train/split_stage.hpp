#pragma once

#include <tutti/collectives/all_gather.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>
#include <tutti/train/split.hpp>
#include <tutti/train/stage.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace tutti::detail {

/// `use(group)` for each group that layers of a stage are split over; of such layers in a row with the same group, once.
template <class Model, class Use>
void with_split_groups(stage<Model>& mine, Use use) {
    void const* last = nullptr;
    mine.for_each([&](auto& layer, auto) {
        with_split_group(layer, [&](auto& group) {
            if (&group != last) use(group);
            last = &group;
        });
    });
}

/// What of a layer all ranks of a group must have.
struct copies_of_layer { std::uint64_t fingerprint; };

/// Looks whether what is no part is equal on all ranks of a group that layers of the stage are split over. Collective.
/// @throws usage_error  on every rank of the group
template <class Model, class Group>
void check_copies(stage<Model>& mine, Group& group) {
    std::array<copies_of_layer, Model::count> copies{};
    mine.for_each_learning([&](auto& layer, auto k) {
        bool here = true;  // not split over another group
        if constexpr (is_split<std::remove_cvref_t<decltype(layer)>>())
            here = static_cast<void const*>(&layer.split_over()) == &group;
        if (here) copies[k].fingerprint = fingerprint_of_copies(layer);
    });
    std::vector<copies_of_layer> all(copies.size() * static_cast<std::size_t>(group.size()));
    all_gather(group, copies, all);
    for (std::size_t i = copies.size(); i < all.size(); ++i)
        if (all[i].fingerprint != all[i % copies.size()].fingerprint)
            raise<usage_error>({"tutti: parameters of layer ", i % copies.size(),
                                " are no parts, and differ between ranks 0 and ", i / copies.size(),
                                " of the group that layers are split over: what is not split starts equal on all ranks"});
}

}  // namespace tutti::detail
