#include "splitting.hpp"

#include <tutti/collectives/all_gather.hpp>
#include <tutti/collectives/all_reduce.hpp>
#include <tutti/comm/checked.hpp>
#include <tutti/comm/hierarchical.hpp>
#include <tutti/comm/mesh.hpp>
#include <tutti/comm/solo.hpp>
#include <tutti/comm/threads.hpp>

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

static_assert(std::is_same_v<tutti::mesh<tutti::comm::threads>::group, tutti::comm::threads>);
static_assert(std::is_same_v<tutti::mesh<tutti::comm::solo>::group, tutti::comm::solo>);
static_assert(
    std::is_same_v<tutti::mesh<tutti::comm::checked<tutti::comm::threads>>::group, tutti::comm::checked<tutti::comm::threads>>);
static_assert(!tutti::splits<laws::any_communicator const> && tutti::splits<laws::splitting>);

TEST_CASE("the last axis varies fastest, and groups are those who differ in one axis") {
    laws::on_what_splits([](auto& world, laws::expectation const& expect) {
        int const p = world.size(), r = world.rank();
        for (int const outer : {1, 2, 3, 4}) {
            if (p % outer != 0) continue;
            int const inner = p / outer;
            tutti::mesh grid{world, {{"outer", outer}, {"one", 1}, {"inner", inner}}};
            expect.equal(grid.extent("outer"), outer, "outer extent");
            expect.equal(grid.coordinate("outer"), r / inner, "outer coordinate");
            expect.equal(grid.coordinate("inner"), r % inner, "inner coordinate");
            expect.equal(grid.axes().size(), 3U, "axes");
            std::vector<int> rows, columns;
            for (int k = 0; k < outer; ++k) columns.push_back(k * inner + r % inner);
            for (int k = 0; k < inner; ++k) rows.push_back(r / inner * inner + k);
            expect(tutti::all_gather(grid.along("outer"), r) == columns, "ranks along outer");
            expect(tutti::all_gather(grid.along("inner"), r) == rows, "ranks along inner");
            expect(tutti::all_gather(grid.along("one"), r) == std::vector{r}, "alone");
            expect.equal(grid.along("inner").rank(), grid.coordinate("inner"), "rank is coordinate");
            int const sum = tutti::all_reduce(grid.along("outer"), tutti::all_reduce(grid.along("inner"), r));
            expect.equal(sum, p * (p - 1) / 2, "sums along both axes");
        }
    });
}

TEST_CASE("an axis of a mesh is split into a mesh") {
    laws::on_what_splits([](auto& world, laws::expectation const& expect) {
        if (world.size() % 4 != 0) return;
        tutti::mesh grid{world, {{"outer", 2}, {"inner", world.size() / 2}}};
        tutti::mesh within{grid.along("inner"), {{"a", 2}, {"b", world.size() / 4}}};
        expect.equal(2 * within.extent("b") * grid.extent("outer"), world.size(), "extents");
        expect.equal(grid.coordinate("inner"), within.coordinate("a") * within.extent("b") + within.coordinate("b"), "place");
    });
}

TEST_CASE("axes that make no mesh, or differ, are told on every rank") {
    laws::on_what_splits([](auto& world, laws::expectation const& expect) {
        int const p = world.size(), r = world.rank();
        auto const refused = [&](std::vector<tutti::mesh_axis> const& axes, std::initializer_list<std::string_view> words,
                                 int line = __builtin_LINE()) {
            expect.template throws<tutti::usage_error>([&] { (void)tutti::mesh{world, axes}; }, words, "refused", line);
        };
        auto const ranks = std::to_string(p);
        refused({{"data", p}, {"tensor", 2}}, {"data = ", "tensor = 2", "is no mesh of " + ranks + " rank"});
        if (p > 1) refused({}, {"no axes is no mesh"});
        refused({{"data", p}, {"tensor", 0}}, {"axis tensor of data = ", "tensor = 0", "extent of 1 or more"});
        refused({{"data", -p}, {"tensor", -1}}, {"axis data", "extent of 1 or more"});
        refused({{"data", p}, {"data", 1}}, {"two axes have the name data: data = "});
        refused({{"a", 1 << 30}, {"b", 1 << 30}, {"c", 1 << 30}, {"d", 1 << 30}, {"e", 16}}, {"is no mesh"});
        if (p > 1) {
            refused({{r == p - 1 ? "tensor" : "data", p}}, {"differ between ranks: data = " + ranks +
                                                            " on rank 0, tensor = " + ranks + " on rank " + std::to_string(p - 1)});
            refused({{"data", r == 0 ? p : 1}}, {"data = " + ranks + " on rank 0, data = 1 on rank 1"});
        }
        tutti::mesh grid{world, {{"data", p}}};
        expect.template throws<tutti::usage_error>([&] { (void)grid.along("tensor"); },
                                                   {"there is no axis tensor among data = " + ranks}, "along");
        expect.template throws<tutti::usage_error>([&] { (void)grid.coordinate(""); }, {"no axis"}, "coordinate");
        expect.equal(tutti::all_reduce(grid.along("data"), 1), p, "the world goes on");
    });
}

TEST_CASE("wrappers are split into meshes of what they give") {
    tutti::launch<tutti::comm::checked<tutti::comm::threads>>(4, [](auto& world) {
        tutti::mesh grid{world, {{"a", 2}, {"b", 2}}};
        CHECK(tutti::all_reduce(grid.along("a"), 1) == 2);
    });
    tutti::launch<tutti::comm::threads>(4, [](auto& world) {
        tutti::comm::hierarchical hosts{world, world.rank() / 2};
        tutti::mesh grid{hosts, {{"a", 2}, {"b", 2}}};
        CHECK(tutti::all_reduce(grid.along("b"), grid.coordinate("b")) == 1);
    });
}
