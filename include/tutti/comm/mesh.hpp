#pragma once

#include <tutti/collectives/all_gather.hpp>
#include <tutti/concepts/communicator.hpp>
#include <tutti/detail/hash.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tutti {

/// A direction of a mesh, and how many ranks lie along it.
struct mesh_axis {
    std::string name;
    int extent = 1;  ///< >= 1
};

namespace detail {

namespace arguments_of {
struct mesh { std::uint64_t length, hash; };  // of the axes as text
}  // namespace arguments_of

template <class Comm>
struct mesh_group {
    using type = int;
};
template <splits Comm>
struct mesh_group<Comm> {
    using type = decltype(std::declval<Comm&>().split(0, 0));
};

/// "data = 2, tensor = 4"
template <class Axes>
[[gnu::cold]] std::string text_of_axes(Axes const& axes) {
    std::string text;
    for (auto const& each : axes) append(text, {text.empty() ? "" : ", ", each.name, " = ", each.extent});
    return text;
}

/// @throws usage_error  on every rank, unless all bring the same axes
template <class Comm, class Axes>
void agree_on_axes(Comm& world, Axes const& axes) {
    if (world.size() == 1) return;
    std::string const mine = text_of_axes(axes);
    auto const all = all_gather(world, arguments_of::mesh{mine.size(), hash_of(mine)});
    std::size_t other = 0;
    while (other < all.size() && all[other].length == all[0].length && all[other].hash == all[0].hash) ++other;
    if (other == all.size()) return;
    auto const text = all_gather_v(world, mine);
    std::vector<std::string> of_rank;
    auto at = text.begin();
    for (auto const& each : all) {
        of_rank.emplace_back(at, at + static_cast<std::ptrdiff_t>(each.length));
        at += static_cast<std::ptrdiff_t>(each.length);
    }
    raise<usage_error>(
        {"tutti: mesh: the axes differ between ranks: ", of_rank[0], " on rank 0, ", of_rank[other], " on rank ", other});
}

/// @throws usage_error  unless the axes are those of a mesh of so many ranks
template <class Axes>
void check_axes(Axes const& axes, int ranks) {
    std::uint64_t places = 1;
    for (auto const& each : axes) {
        if (each.extent < 1)
            raise<usage_error>({"tutti: mesh: axis ", each.name, " of ", text_of_axes(axes), " must have an extent of 1 or more"});
        for (auto const& other : axes)
            if (&other != &each && other.name == each.name)
                raise<usage_error>({"tutti: mesh: two axes have the name ", each.name, ": ", text_of_axes(axes)});
        if (places <= static_cast<std::uint64_t>(ranks)) places *= static_cast<std::uint64_t>(each.extent);
    }
    if (places != static_cast<std::uint64_t>(ranks))
        raise<usage_error>({"tutti: mesh: ", text_of_axes(axes), axes.empty() ? "no axes" : "", " is no mesh of ", ranks,
                            ranks == 1 ? " rank" : " ranks", ": the product of the extents must be the number of ranks"});
}

}  // namespace detail

/// The ranks of a world as the places of a grid whose axes have names; the last axis varies fastest. Along each axis a rank has a
/// group: of those whose places differ from its own in that axis alone, in the order of their coordinates.
///     tutti::mesh grid{world, {{"data", 2}, {"tensor", 4}}};
///     tutti::all_reduce(grid.along("tensor"), sums);
template <class Comm>
class mesh {
    static_assert(communicator<Comm>, "tutti: mesh{world, axes}: world is no communicator; see tutti/concepts/communicator.hpp");
    static_assert(splits<Comm>,
                  "tutti: mesh{world, axes}: world cannot be split into groups: it needs split(color, key), as comm::threads, "
                  "comm::mpi and what wraps them have it; see tutti/concepts/communicator.hpp");

public:
    using group = typename detail::mesh_group<Comm>::type;

    /// Splits the world along every axis. Collective.
    /// @param  world  must outlive the mesh
    /// @param  axes   equal on all ranks; the product of their extents is world.size()
    /// @throws usage_error  on every rank: an extent below 1, two axes of one name, a product that is not the number of ranks, axes
    ///                      that differ between ranks
    /// Cost:   one small exchange, and one split per axis
    mesh(Comm& world, std::vector<mesh_axis> axes) : axes_{std::move(axes)} {
        detail::agree_on_axes(world, axes_);
        detail::check_axes(axes_, world.size());
        int stride = world.size(), rank = world.rank();
        for (auto const& [name, extent] : axes_) {
            stride /= extent;
            int const coordinate = rank / stride % extent;
            coordinates_.push_back(coordinate);
            // A group need not be movable.
            groups_.push_back(std::unique_ptr<group>{new group(world.split(rank - coordinate * stride, coordinate))});
        }
    }

    /// This rank's group along an axis; its rank there is its coordinate. Local.
    /// @throws usage_error  when there is no such axis
    group& along(std::string_view axis) { return *groups_[index(axis)]; }
    /// This rank's place along an axis. Local.
    /// @throws as `along`
    int coordinate(std::string_view axis) const { return coordinates_[index(axis)]; }
    /// How many ranks lie along an axis. Local.
    /// @throws as `along`
    int extent(std::string_view axis) const { return axes_[index(axis)].extent; }

    std::vector<mesh_axis> const& axes() const { return axes_; }

private:
    std::size_t index(std::string_view name) const {
        for (std::size_t k = 0; k < axes_.size(); ++k)
            if (axes_[k].name == name) return k;
        detail::raise<usage_error>({"tutti: mesh: there is no axis ", name, " among ", detail::text_of_axes(axes_)});
    }

    std::vector<mesh_axis> axes_;
    std::vector<int> coordinates_;
    std::vector<std::unique_ptr<group>> groups_;
};

}  // namespace tutti
