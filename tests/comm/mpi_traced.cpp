// A trace of processes, which share no memory to gather it in. Run by mpirun.
#include <tutti/collectives/all_reduce.hpp>
#include <tutti/collectives/barrier.hpp>
#include <tutti/comm/mpi.hpp>
#include <tutti/comm/traced.hpp>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <unistd.h>

using nlohmann::json;
using tutti::comm::mpi;
using tutti::comm::traced;

TEST_CASE("a trace has one track per process, all by one clock") {
    tutti::launch<traced<mpi>>([](traced<mpi>& world) {
        std::vector<float> x(10);
        tutti::barrier(world);
        tutti::all_reduce(world, x);
        tutti::start_all_reduce(world, x, [](float a, float b) { return a < b ? b : a; }).wait();
        std::string const path = "mpi_traced_" + std::to_string(getpid()) + ".json";  // rank 0's counts
        world.write_trace(path);
        CHECK_THROWS_AS(world.write_trace("/no/such/folder/trace.json"), tutti::error);
        if (world.rank() != 0) return;
        json const trace = json::parse(std::ifstream{path});
        std::remove(path.c_str());
        std::map<int, std::vector<json>> tracks;
        for (json const& each : trace.at("traceEvents"))
            if (each.at("ph") != "M") tracks[each.at("tid")].push_back(each);
        CHECK(static_cast<int>(tracks.size()) == world.size());
        double last_begin = 0, first_end = 1e300;
        for (auto const& [rank, events] : tracks) {
            CHECK(events.size() == 4);
            CHECK(events[0].at("name") == "barrier");
            CHECK(events[1].at("args").at("bytes") == 40);
            CHECK(events[2].at("ph") == "b");
            CHECK(events[3].at("ph") == "e");
            double const begin = events[0].at("ts"), duration = events[0].at("dur");
            last_begin = std::max(last_begin, begin), first_end = std::min(first_end, begin + duration);
        }
        CHECK(last_begin <= first_end + 0.002);  // rounded down, all
    });
}
