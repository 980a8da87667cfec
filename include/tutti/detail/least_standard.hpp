#pragma once

/// std::min, std::max, std::swap and std::equal; std::plus and its like. With libstdc++ without the rest of <algorithm> and
/// <functional>, which takes as long to compile as a third of all other standard headers that an all_reduce needs.

#include <version>

#if defined(__GLIBCXX__) && __has_include(<bits/stl_algobase.h>) && __has_include(<bits/stl_function.h>)
#include <bits/stl_algobase.h>
#include <bits/stl_function.h>
#else
#include <algorithm>
#include <functional>
#endif
