#pragma once

#include "read.hpp"

#include <Eigen/Dense>

#include <string>
#include <vector>

namespace digits {

struct sample {
    Eigen::Vector<float, 64> pixels;  // 0 paper, 1 ink; 8 rows of 8
    int label = 0;
};

using split = split_of<sample>;

/// @throws bad_data
inline std::vector<sample> read(std::string const& path) { return read_as<sample>(path); }

}  // namespace digits
