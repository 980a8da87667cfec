#include "../laws/message_ranks.hpp"

#include <tutti/collectives/algorithms.hpp>
#include <tutti/collectives/all_reduce.hpp>
#include <tutti/collectives/choice.hpp>
#include <tutti/collectives/tune.hpp>
#include <tutti/comm/solo.hpp>
#include <tutti/comm/threads.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

using namespace tutti;

namespace {

/// The table that all ranks get.
template <class Comm>
choice_table tuned(int ranks, tune_options const& options) {
    std::mutex guard;
    std::vector<choice_table> tables;
    launch<Comm>(ranks, [&](auto& world) {
        auto table = tune(world, options);
      // Who is chosen makes right results.
        for (std::size_t const n : std::vector<std::size_t>{1, 100, 5000}) {
            std::vector<int> x(n, world.rank() + 1);
            all_reduce(world, x, std::plus<>{}, algorithm::chosen_by{table});
            all_reduce(world, x, [](int a, int b) { return a > b ? a : b; }, algorithm::chosen_by{table});
            if (x != std::vector<int>(n, ranks * (ranks + 1) / 2)) world.abort("wrong results");
        }
        std::lock_guard const lock{guard};
        tables.push_back(std::move(table));
    });
    REQUIRE(tables.size() == static_cast<std::size_t>(ranks));
    for (auto const& each : tables) CHECK(each == tables[0]);
    return tables[0];
}

void is_valid(choice_table const& table, int ranks, bool has_own) {
    for (choice const& row : table.rows) {
        INFO(name(row.kind), " by ", name(row.by));
        CHECK(row.ranks == ranks);
        bool const own = row.by == algorithm_id::own;
        CHECK((own ? has_own : makes(row.by, row.kind)));
        CHECK((own || row.commutes || !reduces(row.kind) || keeps_order(row.by)));
    }
    CHECK(parse_choices(to_text(table)) == table);
}

tune_options const tiny{.sizes = {8, 1024}, .repetitions = 2};

}  // namespace

TEST_CASE("tuning gives a valid table that is equal on all ranks and covers all calls") {
    for (int const ranks : {1, 2}) {
        auto const threads = tuned<comm::threads>(ranks, tiny), messages = tuned<laws::message_ranks>(ranks, tiny);
        is_valid(threads, ranks, true);
        is_valid(messages, ranks, false);
        for (auto const* const table : {&threads, &messages})
            for (int k = static_cast<int>(collective::barrier); k < static_cast<int>(collective::send); ++k)
                for (std::size_t const bytes : {std::size_t{0}, std::size_t{500}, any_bytes})
                    CHECK(find_choice(table->rows, static_cast<collective>(k), bytes, ranks, false));
    }
}

TEST_CASE("rows end at the geometric middle between two sizes") {
    auto const table = tuned<laws::message_ranks>(2, tiny);
    for (choice const& row : table.rows) CHECK((row.bytes == 90 || row.bytes == any_bytes));  // 90.5 * 90.5 = 8 * 1024
}

TEST_CASE("tuning tells how far it is") {
    std::vector<tune_progress> seen;
    launch<comm::threads>(2, [&](auto& world) {
        auto options = tiny;
        if (world.rank() == 0) options.progress = [&](tune_progress const& now) { seen.push_back(now); };
        (void)tune(world, options);
    });
    REQUIRE(seen.size() == 21);  // a barrier, and 10 collectives of 2 sizes
    CHECK(seen[0].kind == collective::barrier);
    for (std::size_t k = 0; k < seen.size(); ++k) {
        CHECK(seen[k].done == static_cast<int>(k) + 1);
        CHECK(seen[k].points == 21);
        CHECK(seen[k].bytes == (k == 0 ? 0 : k <= 10 ? 8 : 1024));
    }
}

TEST_CASE("tuning stops when time is over, and leaves the rest to the default") {
    auto const start = std::chrono::steady_clock::now();
    std::chrono::milliseconds const limit{50};
    tune_options const endless{.sizes = {8, 64, 1 << 20}, .repetitions = 1'000'000'000, .time_limit = limit};
    auto const table = tuned<comm::threads>(2, endless);
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds{20});
    CHECK(table.rows.size() == 1);
    CHECK(find_choice(table.rows, collective::all_reduce, 8, 2, true) == nullptr);
}

TEST_CASE("options that make no sense are refused") {
    comm::solo world;
    auto refuses = [&](tune_options const& options, char const* word) {
        CHECK_THROWS_WITH_AS((void)tune(world, options), doctest::Contains(word), usage_error);
    };
    refuses({.sizes = {}}, "at least one size");
    refuses({.sizes = {0}}, "0 bytes");
    refuses({.sizes = {8, 10}}, "10 bytes");
    refuses({.sizes = {(std::size_t{1} << 30) + 4}}, "1073741828 bytes");
    refuses({.sizes = {8, 64, 64}}, "64 follows 64");
    refuses({.sizes = {64, 8}}, "8 follows 64");
    refuses({.repetitions = 0}, "not 0");
    refuses({.repetitions = -3}, "not -3");
    refuses({.time_limit = std::chrono::milliseconds{0}}, "time limit");
    std::atomic<int> told = 0;
    launch<comm::threads>(3, [&](auto& three) {
        try {
            (void)tune(three, {.sizes = {8}, .repetitions = three.rank() == 2 ? 1 : 2});
        } catch (usage_error const& problem) { told += std::string{problem.what()}.find("rank 2") != std::string::npos; }
    });
    CHECK(told == 3);
}
