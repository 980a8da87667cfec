#pragma once

#include <tutti/collectives/automatic.hpp>
#include <tutti/comm/threads.hpp>
#include <tutti/concepts/communicator.hpp>

#include <span>
#include <string>

namespace laws {

/// Has no more than a communicator must have: every collective on it is a schedule over its messages.
class message_ranks {
public:
    explicit message_ranks(tutti::comm::threads& world) : world_{world} {}

    int rank() const { return world_.rank(); }
    int size() const { return world_.size(); }
    void announce(tutti::call const& what) { world_.announce(what); }
    void exchange(std::span<tutti::message const> round, tutti::call const& what) { world_.exchange(round, what); }
    void abort(std::string const& text) { world_.abort(text); }

    template <class Body>
    static void launch(tutti::launch_options const& options, Body&& body) {
        tutti::comm::threads::launch(options, [&](tutti::comm::threads& world) {
            message_ranks mine{world};
            body(mine);
        });
    }

private:
    tutti::comm::threads& world_;
};

static_assert(tutti::communicator<message_ranks>);
static_assert(!tutti::performs_collectives<message_ranks> && !tutti::starts_collectives<message_ranks>);

}  // namespace laws
