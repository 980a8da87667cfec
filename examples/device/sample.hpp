#pragma once

#include <array>

namespace digits::on_device {

struct sample {
    std::array<float, 64> pixels;  // 0 paper, 1 ink; 8 rows of 8
    int label = 0;
};

}  // namespace digits::on_device
