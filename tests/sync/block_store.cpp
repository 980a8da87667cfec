#include <tutti/concepts/synchronisation.hpp>
#include <tutti/sync/block_store.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <tuple>
#include <utility>

using tutti::slice;
using tutti::detail::block_store;

TEST_CASE("a block's owned part is where it meets the slice") {
    using tutti::detail::part_of_block;
    CHECK(part_of_block({0, 100}, 10, 5) == slice{0, 5});
    CHECK(part_of_block({12, 100}, 10, 5) == slice{2, 5});
    CHECK(part_of_block({0, 13}, 10, 5) == slice{0, 3});
    CHECK(part_of_block({11, 14}, 10, 5) == slice{1, 4});
    CHECK(part_of_block({0, 10}, 10, 5).size() == 0);
    CHECK(part_of_block({15, 20}, 10, 5).size() == 0);
    CHECK(part_of_block({20, 30}, 10, 5).size() == 0);
    CHECK(part_of_block({0, 5}, 10, 5).size() == 0);
    // Slices that cover everything once give parts that cover every block once.
    for (std::size_t cut = 0; cut <= 30; ++cut)
        CHECK(part_of_block({0, cut}, 10, 5).size() + part_of_block({cut, 30}, 10, 5).size() == 5);
}

TEST_CASE("a block_store holds zeros for the owned part of every block, in its type, aligned, until they are written") {
    std::array<float, 3> a{};
    std::array<double, 2> b{};
    std::array<float, 5> c{};
    std::tuple const blocks{std::span{a}, std::span{b},
                            std::pair{std::span{c}.first(1), std::array{std::span{c}.first(0), std::span{c}.last(4)}}};
    block_store store{blocks, slice{2, 9}};  // one of a, all of b, and 1, 0 and 3 of the rest
    CHECK(block_store{}.empty());
    CHECK(!store.empty());
    std::size_t const owned[] = {1, 2, 1, 0, 3};
    for (int turn = 0; turn < 2; ++turn) {
        for (std::size_t k = 0; k < 5; ++k)
            for (std::size_t i = 0; i < owned[k]; ++i) {
                if (k == 1) {
                    CHECK(store.block<double>(k)[i] == 0);
                    store.block<double>(k)[i] = 3;
                } else {
                    CHECK(store.block<float>(k)[i] == 0);
                    store.block<float>(k)[i] = 3;
                }
            }
        for (std::size_t k = 0; k < 5; ++k) CHECK(reinterpret_cast<std::uintptr_t>(store.block<float>(k)) % 64 == 0);
        store.clear();
    }
}
