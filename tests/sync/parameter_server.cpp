#include <tutti/tutti.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <thread>
#include <vector>

namespace partition = tutti::partition;
using tutti::optim::sgd;
using tutti::sync::parameter_server;

namespace {

/// Notes how far each rank is when it begins a step: `done[rank]` gradients are computed.
struct paced {
    std::vector<std::atomic<int>>* done = nullptr;
    int rank = 0, slow = -1;
    int begun = 0, lead = 0;  // steps, and the most that this rank was ahead of the slowest
    std::array<float, 3> value{}, slope{};

    auto parameters() { return std::span{value}; }
    auto gradients() { return std::span{slope}; }
    float loss_and_gradients(auto const& /*batch*/) {
        int least = begun;
        for (auto const& each : *done) least = std::min(least, each.load());
        lead = std::max(lead, begun - least);
        if (rank == slow) std::this_thread::sleep_for(std::chrono::milliseconds{3});
        slope = {1, 2, 3};
        (*done)[static_cast<std::size_t>(rank)] = ++begun;
        return 0;
    }
};

}  // namespace

TEST_CASE("the fastest rank is ahead of a slow one, by no more steps than its staleness") {
    for (int const ranks : {2, 3, 5})
        for (int const staleness : {0, 1, 3}) {
            std::vector<std::atomic<int>> done(static_cast<std::size_t>(ranks));
            std::atomic<int> most = 0;
            tutti::launch<tutti::comm::threads>(ranks, [&](auto& world) {
                paced model{.done = &done, .rank = world.rank(), .slow = ranks - 1};
                tutti::data_parallel_trainer trainer{world, model, partition::strided{}, parameter_server{.staleness = staleness},
                                                     sgd{}};
                auto const batch = static_cast<std::size_t>(ranks);
                trainer.run_epoch(std::vector<int>(16 * batch), {.batch = batch});
                int const lead = trainer.model().lead;
                CHECK(lead <= staleness);
                for (int before = most; before < lead && !most.compare_exchange_weak(before, lead);) {}
            });
            CHECK((most > 0) == (staleness > 0));
        }
}

TEST_CASE("a rank that fails in the middle of an epoch is told to those who are behind and ahead") {
    for (int const failing : {0, 2}) {
        std::atomic<int> told = 0;
        std::vector<std::atomic<int>> done(3);
        CHECK_THROWS_AS(tutti::launch<tutti::comm::threads>(3, [&](auto& world) {
            paced model{.done = &done, .rank = world.rank(), .slow = 2};
            tutti::data_parallel_trainer trainer{world, model, partition::strided{}, parameter_server{.staleness = 2}, sgd{}};
            trainer.after_step([&](tutti::step_report const& now) {
                if (world.rank() == failing && now.step == 5) throw std::runtime_error{"enough"};
            });
            try {
                trainer.run_epoch(std::vector<int>(60), {.batch = 3});
            } catch (tutti::peer_failed const&) {
                ++told;
                throw;
            }
        }), std::runtime_error);
        CHECK(told == 2);
    }
}
