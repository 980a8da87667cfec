#pragma once

#include "check.hpp"

#include <tutti/comm/nccl.hpp>

/// The laws of collectives on devices, on one group: compiled once, for all ways to make a group.
void check_collectives(tutti::comm::nccl& world);
