// expects: #include <tutti/device/training.hpp>
// needs: nccl.h
#include "on_device.hpp"

#ifdef RIGHT
#include <tutti/device/training.hpp>
#endif

int main() { train(); }
