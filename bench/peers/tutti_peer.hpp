#pragma once

#include "measure.hpp"

#include <tutti/tutti.hpp>

#include <algorithm>
#include <span>
#include <string>
#include <utility>

namespace bench {

/// One rank of tutti, on any communicator.
template <class Comm>
class tutti_peer {
public:
    tutti_peer(Comm& world, std::string name, std::string version)
        : world_{world},
          name_{std::move(name)},
          version_{std::move(version)} {}

    std::string const& name() const { return name_; }
    std::string const& version() const { return version_; }
    int rank() const { return world_.rank(); }
    int size() const { return world_.size(); }
    void barrier() { tutti::barrier(world_); }
    void largest(std::span<float> values) {
        tutti::all_reduce(world_, values, [](float a, float b) { return std::max(a, b); });
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
};

}  // namespace bench
