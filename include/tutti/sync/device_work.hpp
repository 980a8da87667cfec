#pragma once

namespace tutti::detail {

/// What trainers and policies do with blocks in device memory, besides handing them to collectives. Defined in
/// tutti/device/training.hpp, so that nothing else knows CUDA.
template <class Comm>
struct device_work;

/// The same, or a sentence that says what to include.
template <class Comm>
struct required_device_work {
    static_assert(requires { sizeof(device_work<Comm>); },
                  "tutti: a model in device memory needs what moves it there: #include <tutti/device/training.hpp>");
    using type = device_work<Comm>;
};

}  // namespace tutti::detail
