// Times tutti's collectives on thread ranks.
#include "tutti_peer.hpp"

#include <tutti/tutti.hpp>

#include <cstdio>
#include <exception>

int main(int argc, char** argv) try {
    bench::options wanted;
    auto const what = "Times tutti's collectives on thread ranks.";
    if (auto const status = bench::read(argc, argv, {.ranks = true}, what, wanted)) return *status;
    tutti::launch<tutti::comm::threads>(wanted.ranks, [&](auto& world) {
        bench::tutti_peer peer{world, "tutti.threads", TUTTI_VERSION};
        bench::measurement{peer, wanted}.run();
    });
} catch (std::exception const& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    return 1;
}
