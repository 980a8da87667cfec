#pragma once

#include <stdexcept>
#include <string>

namespace tutti {

/// The root of every exception that tutti throws; the text names the rank, the call and the values.
class error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Bad input: thrown by the rank that brought it, before anything is changed or sent.
class usage_error : public error {
public:
    using error::error;
};

/// Ranks of one group made different calls at the same point of their sequence: thrown on every rank.
class collective_mismatch : public error {
public:
    using error::error;
};

/// Another rank threw, aborted or left while this one counted on it: thrown on every rank but the one that failed.
class peer_failed : public error {
public:
    using error::error;
};

/// Some rank did not come in time: thrown on the ranks that waited; the late ones get `peer_failed` when they arrive.
class timeout_error : public error {
public:
    using error::error;
};

}  // namespace tutti
