#pragma once

/// Everything that needs only the standard library.

#include <tutti/collectives/all_gather.hpp>
#include <tutti/collectives/all_reduce.hpp>
#include <tutti/collectives/barrier.hpp>
#include <tutti/collectives/broadcast.hpp>
#include <tutti/comm/launch.hpp>
#include <tutti/comm/solo.hpp>
#include <tutti/comm/threads.hpp>
#include <tutti/error.hpp>
#include <tutti/optim/adam.hpp>
#include <tutti/optim/adamw.hpp>
#include <tutti/optim/rate.hpp>
#include <tutti/optim/scheduled.hpp>
#include <tutti/optim/sgd.hpp>
#include <tutti/partition/block.hpp>
#include <tutti/partition/shuffled.hpp>
#include <tutti/partition/strided.hpp>
#include <tutti/partition/weighted.hpp>
#include <tutti/sync/all_reduce.hpp>
#include <tutti/train/data_parallel_trainer.hpp>
