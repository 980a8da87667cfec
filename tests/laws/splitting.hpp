#pragma once

#include "backends.hpp"

#include <tutti/concepts/call.hpp>
#include <tutti/concepts/communicator.hpp>
#include <tutti/concepts/message_rounds.hpp>
#include <tutti/concepts/pending.hpp>

#include <memory>
#include <span>
#include <string>
#include <utility>

namespace laws {

/// Any communicator that is split as those of users are: into groups that are values.
class splitting {
public:
    explicit splitting(any_communicator& world) : world_{&world} {}
    explicit splitting(std::unique_ptr<any_communicator> own) : own_{std::move(own)}, world_{own_.get()} {}

    int rank() const { return world_->rank(); }
    int size() const { return world_->size(); }
    void perform(tutti::call const& what) { world_->perform(what); }
    tutti::pending start(tutti::call const& what, std::shared_ptr<void const> kept) { return world_->start(what, std::move(kept)); }
    void announce(tutti::call const& what) { world_->announce(what); }
    void exchange(std::span<tutti::message const> round, tutti::call const& what) { world_->exchange(round, what); }
    void abort(std::string const& text) { world_->abort(text); }
    splitting split(int color, int key) { return splitting{world_->split(color, key)}; }

private:
    std::unique_ptr<any_communicator> own_;
    any_communicator* world_;
};

/// `body` on every backend that can be split.
template <class Body>
void on_what_splits(Body body) {
    on_every_backend([&](any_communicator& any, expectation const& expect) {
        if (!any.can_split()) return;
        splitting world{any};
        body(world, expect);
    });
}

}  // namespace laws
