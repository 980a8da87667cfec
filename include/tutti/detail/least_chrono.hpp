#pragma once

/// Durations and clocks. With libstdc++ without the rest of <chrono>, calendars and their texts, which takes as long to compile as a
/// twentieth of a program with one all_reduce.

#include <version>

#if defined(__GLIBCXX__) && __has_include(<bits/chrono.h>)
#include <bits/chrono.h>
#else
#include <chrono>
#endif
