#pragma once

#include "measure.hpp"

#include <tutti/tutti.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace bench {

/// One rank of tutti, on any communicator.
template <class Comm>
class tutti_peer {
public:
    /// @param window  whether buffers lie in memory that the communicator gives
    tutti_peer(Comm& world, std::string name, std::string version, bool window = false)
        : world_{world},
          name_{std::move(name)},
          version_{std::move(version)},
          window_{window} {}

    std::string const& name() const { return name_; }
    std::string const& version() const { return version_; }
    int rank() const { return world_.rank(); }
    int size() const { return world_.size(); }
    void barrier() { tutti::barrier(world_); }
    void largest(std::span<float> values) {
        tutti::all_reduce(world_, values, [](float a, float b) { return std::max(a, b); });
    }

    lines memory(std::size_t count) {
        if (!window_) return lines{new line[count]};
        auto const kept = std::make_shared<tutti::shared_array<line>>(world_.template allocate<line>(count));
        return {kept, kept->data()};
    }

    std::span<float const> call(collective kind, buffers const& with) {
        switch (kind) {
        case collective::all_reduce:
            tutti::all_reduce(world_, with.in);
            break;
        case collective::reduce_scatter:
            tutti::reduce_scatter(world_, with.in, with.out);
            break;
        case collective::all_gather:
            tutti::all_gather(world_, with.in, with.out);
            break;
        case collective::broadcast:
            tutti::broadcast(world_, with.in, 0);
            break;
        case collective::all_to_all:
            tutti::all_to_all(world_, with.in, with.out);
            break;
        }
        return with.out;
    }

private:
    Comm& world_;
    std::string name_, version_;
    bool window_;
};

}  // namespace bench
