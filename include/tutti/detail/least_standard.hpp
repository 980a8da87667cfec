#pragma once

/// std::min, std::max, std::swap and std::equal; std::plus and its like. With libstdc++ without the rest of <algorithm> and
/// <functional>, which takes as long to compile as a third of all other standard headers that an all_reduce needs.

#include <version>

#ifdef __GLIBCXX__
#include <bits/stl_algobase.h>
#include <bits/stl_function.h>
#else
#include <algorithm>
#include <functional>
#endif
