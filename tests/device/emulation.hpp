#pragma once

#include <tutti/collectives/execute.hpp>
#include <tutti/comm/threads.hpp>
#include <tutti/comm/with_devices.hpp>
#include <tutti/concepts/call.hpp>
#include <tutti/device/kernels.hpp>

#include <cstddef>
#include <span>
#include <string>

// Devices whose memory is the host's: emulation.cpp has the functions of CUDA's runtime, and what follows does what the kernels do, a
// worker after the other. So all that is not CUDA's or NCCL's is tested without them.

/// Takes the place of comm::nccl.
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

namespace tutti {

template <std::floating_point T>
void device_arithmetic<T>::multiply(cudaStream_t, device_span<T> x, T factor) {
    for (std::size_t k = 0; k < 7; ++k) detail::multiply_share(k, 7, factor, x.size(), x.data());
}
template <std::floating_point T>
void device_arithmetic<T>::add(cudaStream_t, device_span<T> sums, device_span<T const> x, T weight) {
    for (std::size_t k = 0; k < 3; ++k) detail::add_share(k, 3, weight, x.size(), x.data(), sums.data());
}
template <std::floating_point T>
void device_arithmetic<T>::add_squares(cudaStream_t, device_span<T const> x, device_span<double> sums) {
    for (std::size_t k = 0; k < workers; ++k) detail::square_share(k, workers, x.size(), x.data(), sums.data());
}
template <std::floating_point T, class Optimizer>
void device_update<T, Optimizer>::move(cudaStream_t, update const& rule, int slots, T scale, device_span<T> parameters,
                                       device_span<T const> gradients, device_span<T> first, device_span<T> second) {
    detail::with_slots<update, T>(slots, first, second, [&](auto... kept) {
        using one = detail::pack<T, 1>;
        for (std::size_t k = 0; k < 5; ++k)
            detail::update_share(k, 5, rule, scale, parameters.size(), reinterpret_cast<one*>(parameters.data()),
                                 reinterpret_cast<one const*>(gradients.data()), reinterpret_cast<one*>(kept.data())...);
    });
}

}  // namespace tutti
