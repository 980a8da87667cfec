#pragma once

#include "emulated_kernels.hpp"

#include <tutti/collectives/execute.hpp>
#include <tutti/comm/threads.hpp>
#include <tutti/comm/with_devices.hpp>
#include <tutti/concepts/call.hpp>

#include <cstddef>
#include <span>
#include <string>

// Devices whose memory is the host's: emulation.cpp has the functions of CUDA's runtime, emulated_kernels.hpp the kernels. So all that is
// not CUDA's or NCCL's is tested without them.

/// Takes the place of comm::nccl on threads.
class host_devices {
public:
    host_devices(tutti::comm::threads& host, tutti::comm::nccl_options const& /*options*/) : host_{&host} {}
    static int devices() { return 2; }
    static cudaStream_t stream() { return nullptr; }
    int performed() const { return performed_; }

    void perform(tutti::call what) {
        host_->announce(what);
        what.where = tutti::memory_space::host;
        what.algorithm = tutti::algorithm_id::automatic;
        tutti::detail::perform(*host_, what);
        ++performed_;
    }
    void exchange(std::span<tutti::message const> round, tutti::call what) {
        what.where = tutti::memory_space::host;
        host_->exchange(round, what);
        ++performed_;
    }
    void abort(std::string const& text) { host_->abort(text); }

private:
    tutti::comm::threads* host_;
    int performed_ = 0;
};

/// Bytes that this thread has had of a device, in all.
std::size_t allocated_there();

using emulated = tutti::comm::with_devices<tutti::comm::threads, host_devices>;
