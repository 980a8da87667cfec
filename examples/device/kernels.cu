// The kernels of the program: its own, and those by which tutti trains.
#include "kernels.hpp"

#include <tutti/device/kernels.hpp>
#include <tutti/optim/sgd.hpp>

template struct tutti::device_arithmetic<float>;
template struct tutti::device_update<float, tutti::optim::sgd>;

namespace digits::on_device {

template void launch(cudaStream_t, add_bias const&, std::size_t);
template void launch(cudaStream_t, mask const&, std::size_t);
template void launch(cudaStream_t, bias_slopes const&, std::size_t);
template void launch(cudaStream_t, softmax const&, std::size_t);
template void launch(cudaStream_t, largest const&, std::size_t);

}  // namespace digits::on_device
