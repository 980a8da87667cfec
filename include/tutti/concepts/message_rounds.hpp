#pragma once

#include <tutti/concepts/call.hpp>

#include <span>

namespace tutti {

/// Rounds of messages, of which each begins when this rank's messages of the one before are complete.
class message_rounds {
public:
    virtual ~message_rounds() = default;
    /// The next round, which lasts until the next call; empty once there is none. What it throws ends the rounds.
    virtual std::span<message const> next() = 0;
    /// What the messages of the latest round are part of, which has their element type; at first, what all this is about.
    virtual call const& what() const = 0;
};

}  // namespace tutti
