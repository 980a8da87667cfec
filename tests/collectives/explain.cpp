#include "../laws/message_ranks.hpp"

#include <tutti/collectives/choice.hpp>
#include <tutti/collectives/explain.hpp>
#include <tutti/comm/solo.hpp>
#include <tutti/comm/threads.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

using namespace tutti;

namespace {

constexpr alpha_beta_gamma costs{.alpha = 2e-6, .beta = 1e-9, .gamma = 5e-10};

/// What each rank is told, by lines; all ranks are told the same.
template <class Comm>
std::vector<std::string> explained(int ranks, collective kind, std::size_t bytes, explain_options options) {
    std::mutex guard;
    std::vector<std::string> texts;
    launch<Comm>(ranks, [&](auto& world) {
        auto text = explain(world, kind, bytes, options);
        std::lock_guard const lock{guard};
        texts.push_back(std::move(text));
    });
    for (auto const& each : texts) CHECK(each == texts[0]);
    std::vector<std::string> lines;
    std::istringstream all{texts[0]};
    for (std::string line; std::getline(all, line);) lines.push_back(line);
    return lines;
}

}  // namespace

TEST_CASE("threads explain that they read one another's buffers") {
    auto const lines = explained<comm::threads>(4, collective::all_reduce, 4000, {.costs = costs});
    REQUIRE(lines.size() == 14);
    CHECK(lines[0] == "all_reduce of 4000 bytes on 4 ranks, with an operation that commutes");
    CHECK(lines[1] == "choice    own");
    CHECK(lines[2] == "reason    the communicator's own: ranks read one another's buffers in place");
    CHECK(lines[3] == "costs     2.000 us per message, 1.0000 ns per byte, 0.5000 ns per byte folded (given)");
    CHECK(lines[4] == "algorithm                   predicted");
    // 2 alpha + 2 (p-1)/p n beta + (p-1)/p n gamma; doubling: 2 (alpha + n (beta + gamma))
    CHECK(lines[5] == "two_shot                    11.500 us");
    CHECK(lines[6] == "rabenseifner                15.500 us");
    CHECK(lines[7] == "circulant                   15.500 us");
    CHECK(lines[8] == "recursive_doubling          16.000 us");
    CHECK(lines[9] == "ring                        19.500 us");
    CHECK(lines[10] == "one_shot                    20.000 us");
    CHECK(lines[13] == "own                           unknown  chosen");
}

TEST_CASE("ranks that only have messages explain by the table for them, and what an operation that does not commute rules out") {
    auto const lines = explained<laws::message_ranks>(4, collective::reduce_scatter, 1000, {.commutes = false, .costs = costs});
    REQUIRE(lines.size() == 10);
    CHECK(lines[0] == "reduce_scatter of 1000 bytes on 4 ranks, with an operation that need not commute");
    CHECK(lines[1] == "choice    two_shot");
    CHECK(lines[2].starts_with("reason    row "));
    CHECK(lines[2].ends_with(" of the table for messages: reduce_scatter, up to 8 ranks, up to 16384 bytes, any operation"));
    CHECK(lines[5] == "two_shot                     6.500 us  chosen");
    CHECK(lines[6] == "circulant                    8.500 us  needs an operation that commutes");
    CHECK(lines[7] == "recursive_halving            8.500 us");
    CHECK(lines[8] == "ring                        10.500 us  needs an operation that commutes");
    CHECK(lines[9] == "pairwise                    10.500 us  needs an operation that commutes");
}

TEST_CASE("a table that is given is explained by its row, or by the lack of one") {
    choice_table const table{{{.kind = collective::barrier, .by = algorithm_id::dissemination},
                              {.kind = collective::broadcast, .ranks = 8, .bytes = 100, .by = algorithm_id::segmented_ring}}};
    auto lines = explained<comm::threads>(2, collective::broadcast, 100, {.table = &table, .costs = costs});
    CHECK(lines[0] == "broadcast of 100 bytes on 2 ranks");
    CHECK(lines[1] == "choice    segmented_ring");
    CHECK(lines[2] == "reason    row 2 of the table given: broadcast, up to 8 ranks, up to 100 bytes");
    lines = explained<laws::message_ranks>(2, collective::broadcast, 101, {.table = &table, .costs = costs});
    CHECK(lines[1] == "choice    binomial");
    CHECK(lines[2].starts_with("reason    no row of the table given fits; row "));
    CHECK(lines[2].ends_with(" of the table for messages: broadcast, up to 2 ranks, any size"));
    lines = explained<comm::threads>(2, collective::barrier, 100, {.table = &table, .costs = costs});
    CHECK(lines[0] == "barrier on 2 ranks");
    CHECK(lines[2] == "reason    row 1 of the table given: barrier, any number of ranks");
    CHECK(lines[5] == "dissemination                2.001 us  chosen");
}

TEST_CASE("costs that nobody gives are measured, the same for all ranks") {
    auto const lines = explained<comm::threads>(3, collective::broadcast, 1 << 20, {});
    CHECK(lines[3].ends_with("(measured)"));
    CHECK(lines[3].find("0.000 us per message") == std::string::npos);
    CHECK(explained<comm::solo>(1, collective::broadcast, 8, {})[0] == "broadcast of 8 bytes on 1 rank");
}

TEST_CASE("what cannot be made is refused") {
    comm::solo world;
    CHECK_THROWS_WITH_AS((void)explain(world, collective::send, 8), doctest::Contains("send"), usage_error);
    choice_table const wrong{{{.kind = collective::reduce_scatter, .by = algorithm_id::ring}}};
    CHECK_THROWS_WITH_AS((void)explain(world, collective::reduce_scatter, 8, {.commutes = false, .table = &wrong, .costs = costs}),
                         doctest::Contains("row 1 of the table given"), usage_error);
}
