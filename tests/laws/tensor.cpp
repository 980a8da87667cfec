#include "tensor.hpp"

#include <tutti/collectives/all_gather.hpp>
#include <tutti/collectives/all_reduce.hpp>
#include <tutti/comm/mesh.hpp>
#include <tutti/comm/solo.hpp>
#include <tutti/optim/adam.hpp>
#include <tutti/optim/sgd.hpp>
#include <tutti/partition/layers.hpp>
#include <tutti/partition/shuffled.hpp>
#include <tutti/pipeline/one_forward_one_backward.hpp>
#include <tutti/sync/all_reduce.hpp>
#include <tutti/sync/sharded.hpp>
#include <tutti/tensor/sum_backward.hpp>
#include <tutti/tensor/sum_forward.hpp>
#include <tutti/train/data_parallel_trainer.hpp>
#include <tutti/train/model_parallel_trainer.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <stdexcept>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace optim = tutti::optim;
namespace partition = tutti::partition;

using whole = decltype(laws::whole_mlp());
using column = tutti::tensor::column_parallel<tutti::comm::solo, laws::linear>;
static_assert(tutti::pipeline_layer<column> && tutti::learns<column> && tutti::has_split_parameters<column>);
static_assert(!tutti::learns<tutti::tensor::column_parallel<tutti::comm::solo, laws::hyperbolic>>);
static_assert(!tutti::has_split_parameters<laws::linear> && !tutti::has_split_parameters<whole>);

namespace {

constexpr double tolerance = 1e-12;
constexpr tutti::epoch_options clipped{.batch = 8, .accumulate = 3, .clip_norm = 0.4};  // below some norms, above others

/// What a training was: losses of epochs, norms of steps, and the model at the end.
struct course {
    std::vector<double> losses{}, norms{};
    whole model = laws::whole_mlp();
};

template <class Trainer, class Data>
void follow(Trainer& trainer, Data const& data, course& to) {
    trainer.after_step([&](tutti::step_report const& report) { to.norms.push_back(report.gradient_norm); });
    for (int epoch = 0; epoch < 3; ++epoch) to.losses.push_back(trainer.run_epoch(data, clipped).mean_loss);
}

template <class Optimizer, class Data>
course alone(Optimizer optimizer, Data const& data) {
    tutti::comm::solo own;
    laws::erased<tutti::comm::solo> any{own};
    laws::splitting world{any};
    tutti::data_parallel_trainer trainer{world, laws::whole_mlp(), partition::shuffled{.seed = 3}, tutti::sync::all_reduce{},
                                         optimizer};
    course found;
    follow(trainer, data, found);
    found.model = trainer.model();
    return found;
}

void same(course const& found, course const& wanted, laws::expectation const& expect, int line = __builtin_LINE()) {
    expect.close(laws::largest_difference(found.losses, wanted.losses), 0, tolerance, "losses", line);
    expect.close(laws::largest_difference(found.norms, wanted.norms), 0, tolerance, "norms", line);
}
template <class Part, class Whole>
void same_numbers(Part& part, Whole& wanted, laws::expectation const& expect, std::string_view what, int line = __builtin_LINE()) {
    if constexpr (requires { part.layer(); })
        expect.close(laws::largest_difference(laws::numbers_of(part), part.layer().cut_from(wanted)), 0, tolerance, what, line);
    else expect.close(laws::largest_difference(laws::numbers_of(part), laws::numbers_of(wanted)), 0, tolerance, what, line);
}

/// A layer that throws, where it is told to.
struct faulty {
    struct saved {};
    bool fails;

    laws::sheet forward(laws::sheet x, saved&) const {
        if (fails) throw std::runtime_error{"a layer failed"};
        return x;
    }
    static laws::sheet backward(laws::sheet dy, saved&) { return dy; }
};

/// Some layers on a stage of its own, of which one is split over a group.
template <class World>
auto on_one_stage(World& stages, World& group, partition::shuffled deal, optim::sgd optimizer, double seed = 1,
                  bool fails = false) {
    auto make = [&group] { return tutti::tensor::column_parallel{group, laws::columns_of(group, 1, laws::inner, 3)}; };
    return tutti::model_parallel_trainer{stages,
                                         tutti::layers{[] { return laws::spread{}; }, make, [fails] { return faulty{fails}; },
                                                       [&group] { return tutti::tensor::sum_forward{group}; },
                                                       [seed] {
                                                           return laws::offset{seed, 2};
                                                       },
                                                       laws::no_loss{}},
                                         deal,
                                         partition::layers{},
                                         tutti::pipeline::one_forward_one_backward{},
                                         optimizer};
}

/// Calls `body(grid)` for meshes of all extents that the ranks make, of axes of these names.
template <class World, class Body>
void on_meshes(World& world, char const* first, char const* second, Body body) {
    for (int along = 1; along <= world.size(); ++along)
        if (world.size() % along == 0 && world.size() < 8) {
            tutti::mesh grid{world, {{first, along}, {second, world.size() / along}}};
            body(grid);
        }
}

}  // namespace

TEST_CASE("layers split over a group, in stages, are trained as on one rank, clipping included") {
    auto const data = laws::wave(29);
    auto wanted = alone(optim::sgd{.learning_rate = 0.3, .momentum = 0.5}, data);
    CHECK(*std::min_element(wanted.norms.begin(), wanted.norms.end()) < clipped.clip_norm);
    CHECK(*std::max_element(wanted.norms.begin(), wanted.norms.end()) > clipped.clip_norm);
    laws::on_what_splits([&](auto& world, laws::expectation const& expect) {
        on_meshes(world, "stages", "tensor", [&](auto& grid) {
            auto& group = grid.along("tensor");
            tutti::model_parallel_trainer trainer{grid.along("stages"),
                                                  laws::split_layers(group),
                                                  partition::shuffled{.seed = 3},
                                                  partition::layers{},
                                                  tutti::pipeline::one_forward_one_backward{},
                                                  optim::sgd{.learning_rate = 0.3, .momentum = 0.5}};
            course found;
            follow(trainer, data, found);
            same(found, wanted, expect);
            if (auto* layer = trainer.template layer<0>()) same_numbers(*layer, wanted.model.first, expect, "first");
            if (auto* layer = trainer.template layer<1>()) same_numbers(*layer, wanted.model.second, expect, "second");
            if (auto* layer = trainer.template layer<3>()) same_numbers(*layer, wanted.model.third, expect, "third");
            if (auto* layer = trainer.template layer<4>()) same_numbers(*layer, wanted.model.fourth, expect, "fourth");
            if (auto* layer = trainer.template layer<6>()) same_numbers(*layer, wanted.model.fifth, expect, "fifth");
            if (auto* layer = trainer.template layer<8>()) same_numbers(*layer, wanted.model.sixth, expect, "sixth");
            std::vector<double> bits = found.norms;  // and what is not split
            trainer.for_each_layer([&](auto& layer, auto) {
                if constexpr (!tutti::has_split_parameters<std::remove_cvref_t<decltype(layer)>>)
                    for (double const each : laws::numbers_of(layer)) bits.push_back(each);
            });
            for (auto const each : tutti::all_gather(group, tutti::detail::fingerprint(std::span{bits})))
                expect.equal(each, tutti::detail::fingerprint(std::span{bits}), "bits of norms and of what is not split");
        });
    });
}

TEST_CASE("replicas whose layers are split over a group are trained as on one rank, clipping included") {
    auto const data = laws::wave(29);
    auto wanted = alone(optim::adam{.learning_rate = 0.05}, data);
    laws::on_what_splits([&](auto& world, laws::expectation const& expect) {
        on_meshes(world, "data", "tensor", [&](auto& grid) {
            auto const by = [&](auto sync) {
                auto& group = grid.along("tensor");
                tutti::data_parallel_trainer trainer{grid.along("data"), laws::split_mlp(group), partition::shuffled{.seed = 3},
                                                     sync, optim::adam{.learning_rate = 0.05}};
                course found;
                follow(trainer, data, found);
                same(found, wanted, expect);
                auto& model = trainer.model();
                same_numbers(model.first, wanted.model.first, expect, "first");
                same_numbers(model.second, wanted.model.second, expect, "second");
                same_numbers(model.third, wanted.model.third, expect, "third");
                same_numbers(model.fourth, wanted.model.fourth, expect, "fourth");
                same_numbers(model.fifth, wanted.model.fifth, expect, "fifth");
                same_numbers(model.sixth, wanted.model.sixth, expect, "sixth");
                expect(trainer.replicas_agree(), "replicas agree");
                auto const copies = tutti::detail::fingerprint_of_copies(model);
                for (auto const each : tutti::all_gather(group, copies)) expect.equal(each, copies, "bits of what is not split");
                auto const norms = tutti::detail::fingerprint(std::span{found.norms});
                for (auto const each : tutti::all_gather(world, norms)) expect.equal(each, norms, "bits of norms");
            };
            by(tutti::sync::all_reduce{});
            by(tutti::sync::sharded<1>{});
        });
    });
}

TEST_CASE("of the pair of sums, each is the other's way back") {
    laws::on_what_splits([](auto& world, laws::expectation const& expect) {
        int const p = world.size(), r = world.rank();
        auto const check = [&](auto const& x, auto const& sum) {
            tutti::tensor::sum_forward forward{world};
            tutti::tensor::sum_backward backward{world};
            typename decltype(forward)::saved a;
            typename decltype(backward)::saved b;
            expect((forward.forward(x, a) == sum && backward.backward(x, b) == sum), "sums");
            expect((forward.backward(x, a) == x && backward.forward(x, b) == x), "passes on");
        };
        check(std::vector{r, 1, 2 * r}, std::vector{p * (p - 1) / 2, p, p * (p - 1)});
        check(std::array{1.5, 2.5}, std::array{1.5 * p, 2.5 * p});
        check(std::vector<float>{}, std::vector<float>{});
        laws::sheet x;
        x.resize({2, 3});
        x.at(1, 2) = r;
        tutti::tensor::sum_over(world, x);
        expect.equal(x.at(1, 2), p * (p - 1) / 2, "a sheet");
        expect.equal(x.at(0, 2), 0, "the rest of it");
    });
}

TEST_CASE("what must be equal along the group and is not is told on every rank of the mesh, and all go on") {
    auto const data = laws::wave(12);
    laws::on_what_splits([&](auto& world, laws::expectation const& expect) {
        int const p = world.size();
        for (int const rest : {1, 2}) {
            if (p > 6 || p % rest != 0 || p / rest == 1) continue;
            bool const other = world.rank() == p - 1;
            tutti::mesh grid{world, {{"rest", rest}, {"tensor", p / rest}}};
            auto& group = grid.along("tensor");
            auto const refused = [&](auto act, std::initializer_list<std::string_view> words, int line = __builtin_LINE()) {
                expect.template throws<tutti::usage_error>(act, words, "refused", line);
                expect.equal(tutti::all_reduce(world, 1), p, "all ranks go on");
            };
            auto const replica = [&](partition::shuffled deal, optim::sgd optimizer, double bias = 0) {
                auto model = laws::split_mlp(group);
                model.fourth.bias[1] += bias;
                return tutti::data_parallel_trainer{grid.along("rest"), std::move(model), deal, tutti::sync::all_reduce{}, optimizer};
            };
            auto const staged = [&](partition::shuffled deal, optim::sgd optimizer, double seed = 1) {
                return on_one_stage(grid.along("rest"), group, deal, optimizer, seed);
            };
            optim::sgd const faster{.learning_rate = other ? 0.2 : 0.1}, backward{.learning_rate = other ? -0.1 : 0.1};
            refused([&] { replica({}, faster); }, {"optimiser", "settings"});
            refused([&] { staged({}, faster); }, {"optimiser", "settings"});
            refused([&] { staged({}, backward); }, {"learning_rate"});
            if (rest == 1) refused([&] { replica({}, {}, other ? 0.5 : 0); }, {"what of its parameters is no part"});
            refused([&] { staged({}, {}, other ? 2 : 1); }, {"are no parts, and differ between ranks 0 and"});
            auto left = replica({.seed = other ? 1U : 0U}, {});
            refused([&] { left.run_epoch(data); }, {"run_epoch", "partition's settings"});
            auto right = staged({.seed = other ? 1U : 0U}, {});
            refused([&] { right.run_epoch(data); }, {"run_epoch", "partition's settings"});
            auto model = replica({}, {});
            refused([&] { model.run_epoch(data, {.clip_norm = other ? 2.0 : 1.0}); }, {"clip_norm", "2 on rank"});
            refused([&] { (void)model.evaluate(data, {.batch = other ? 2U : 3U}, [](auto&, auto const&) { return 1.0; }); }, {"evaluate", "batch"});
            refused([&] { model.step(data, 12, other ? 2.0 : 1.0); }, {"step", "clip_norm"});
            refused([&] { model.step(data, other ? 0 : 12); }, {"step", "samples"});
            auto layers = staged({}, {});
            refused([&] { layers.run_epoch(data, {.batch = other ? 2U : 3U}); }, {"run_epoch", "batch"});
            refused([&] { layers.step(std::vector(1, data), other ? 2.0 : 1.0); }, {"step", "clip_norm"});
            refused([&] { layers.step(std::vector(other ? 0 : 1, data)); }, {"micro-batch"});
            expect.equal(model.steps() + layers.steps(), 0, "nothing was done");
            expect.equal(model.run_epoch(data, {.batch = 4}).steps, 3U, "the right call after so many wrong ones");
        }
    });
}

TEST_CASE("a model without any parameter is refused on every rank, though a layer of it adds up over a group") {
    struct empty : laws::spread {
        auto parameters() { return std::span{weights}.first(0); }
        auto gradients() { return std::span{slopes}.first(0); }
    };
    laws::on_what_splits([](auto& world, laws::expectation const& expect) {
        on_meshes(world, "stages", "tensor", [&](auto& grid) {
            auto& stages = grid.along("stages");
            auto& group = grid.along("tensor");
            if (stages.size() > 2) return;
            expect.template throws<tutti::usage_error>(
                [&] {
                    tutti::model_parallel_trainer trainer{stages,
                                                          tutti::layers{[] { return empty{}; },
                                                                        [&] { return tutti::tensor::sum_forward{group}; },
                                                                        laws::no_loss{}},
                                                          partition::shuffled{},
                                                          partition::layers{},
                                                          tutti::pipeline::one_forward_one_backward{},
                                                          optim::sgd{}};
                },
                {"model_parallel_trainer: the model has no parameters"}, "refused");
        });
    });
}

TEST_CASE("a factory that throws beside layers that are split is told to all") {
    laws::on_threads({2, 4}, [&](laws::any_communicator& any, laws::expectation const& expect) {
        laws::splitting world{any};
        int const stages = world.size() / 2;
        bool const fails = world.rank() == world.size() - 1;
        tutti::mesh grid{world, {{"stages", stages}, {"tensor", 2}}};
        auto& group = grid.along("tensor");
        auto const build = [&] {
            tutti::model_parallel_trainer trainer{
                grid.along("stages"),
                tutti::layers{[] { return laws::spread{}; }, [&] { return tutti::tensor::column_parallel{group, laws::columns_of(group, 1, laws::inner, 3)}; },
                              [&] {
                                  if (fails) throw std::runtime_error{"no weights"};
                                  return tutti::tensor::row_parallel{group, laws::rows_of(group, 2, laws::middle, laws::inner, false)};
                              },
                              laws::no_loss{}},
                partition::shuffled{}, partition::layers{}, tutti::pipeline::one_forward_one_backward{}, optim::sgd{}};
        };
        if (fails) expect.throws<std::runtime_error>(build, {"no weights"}, "the rank whose factory throws");
        else expect.throws<tutti::peer_failed>(build, {"no weights"}, "the others");
    });
}

TEST_CASE("a layer that fails is told to the ranks it is split over, though its stage is a rank alone") {
    auto const data = laws::wave(12);
    laws::on_threads({2, 3}, [&](laws::any_communicator& any, laws::expectation const& expect) {
        laws::splitting world{any};
        bool const fails = world.rank() == world.size() - 1;
        tutti::mesh grid{world, {{"stages", 1}, {"tensor", world.size()}}};
        auto trainer = on_one_stage(grid.along("stages"), grid.along("tensor"), {}, {}, 1, fails);
        auto const step = [&] { trainer.step(std::vector(1, data)); };
        if (fails) expect.throws<std::runtime_error>(step, {"a layer failed"}, "the rank that fails");
        else expect.throws<tutti::peer_failed>(step, {"a layer failed"}, "its peers");
        expect.throws<tutti::peer_failed>([&] { (void)tutti::all_reduce(world, 1); }, {}, "all groups have ended");
    });
}
