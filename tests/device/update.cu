// The kernels of the test, and nothing else: what a program with a kernel of its own looks like.
#include <tutti/device/update.hpp>
#include <tutti/optim/adamw.hpp>
#include <tutti/optim/sgd.hpp>

namespace tutti {

template <class T>
using momentum = optim::sgd::update<T>;
template <class T>
using adaptive = optim::detail::adam_update<T>;

template void update_on_device(cudaStream_t, momentum<float> const&, float, device_span<float>, device_span<float const>);
template void update_on_device(cudaStream_t, momentum<float> const&, float, device_span<float>, device_span<float const>,
                               device_span<float>);
template void update_on_device(cudaStream_t, momentum<double> const&, double, device_span<double>, device_span<double const>,
                               device_span<double>);
template void update_on_device(cudaStream_t, adaptive<float> const&, float, device_span<float>, device_span<float const>,
                               device_span<float>, device_span<float>);
template void update_on_device(cudaStream_t, adaptive<double> const&, double, device_span<double>, device_span<double const>,
                               device_span<double>, device_span<double>);

}  // namespace tutti
