#include "backends.hpp"
#include "training.hpp"

#include <tutti/comm/traced.hpp>
#include <tutti/optim/sgd.hpp>
#include <tutti/partition/block.hpp>
#include <tutti/partition/strided.hpp>
#include <tutti/sync/all_reduce.hpp>
#include <tutti/sync/bucketed.hpp>
#include <tutti/sync/buckets.hpp>
#include <tutti/sync/every_n_steps.hpp>
#include <tutti/sync/sharded.hpp>
#include <tutti/train/data_parallel_trainer.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

namespace optim = tutti::optim;
namespace partition = tutti::partition;
using tutti::sync::bucketed;

namespace {

constexpr std::array float_sizes{3, 1, 0, 17, 64, 5, 300};
constexpr std::array double_sizes{9, 40};
constexpr std::size_t blocks = float_sizes.size() + double_sizes.size();

/// Pulls its parameters, of two types in blocks of many sizes, towards multiples of the data; announces them in an order that depends
/// on `seed` and on the pass. Has no other form of the pass.
struct blocky {
    struct numbers {
        std::vector<std::vector<float>> floats;
        std::vector<std::vector<double>> doubles;
        numbers() {
            for (int const n : float_sizes) floats.emplace_back(static_cast<std::size_t>(n), 0.5f);
            for (int const n : double_sizes) doubles.emplace_back(static_cast<std::size_t>(n), 0.25);
        }
        auto all() {
            std::vector<std::span<float>> first(floats.begin(), floats.end());
            std::vector<std::span<double>> second(doubles.begin(), doubles.end());
            return std::tuple{first, second};
        }
    };
    unsigned seed = 0;
    std::size_t silent = 0;                                              // so many of the blocks are not announced
    std::function<void(std::size_t told)> between = [](std::size_t) {};  // called before each announcement
    numbers now{}, slope{};
    unsigned passes = 0;

    auto parameters() { return now.all(); }
    auto gradients() { return slope.all(); }
    double loss_and_gradients(auto const& batch, auto const& announce) {
        std::vector<std::size_t> order(blocks);
        unsigned state = seed * 2654435761u + ++passes;
        for (std::size_t k = 0; k < blocks; ++k) {
            state = state * 1664525u + 1013904223u;
            order[k] = k;
            std::swap(order[k], order[(state >> 8) % (k + 1)]);
        }
        std::array<double, blocks> losses{};  // summed in one order
        for (std::size_t told = 0; told < blocks; ++told) {
            std::size_t const k = order[told];
            if (k < float_sizes.size()) losses[k] = pull(now.floats[k], slope.floats[k], batch);
            else losses[k] = pull(now.doubles[k - float_sizes.size()], slope.doubles[k - float_sizes.size()], batch);
            between(told);
            if (told >= silent) announce(k);
        }
        return std::accumulate(losses.begin(), losses.end(), 0.0);
    }

private:
    template <class T>
    static double pull(std::vector<T> const& x, std::vector<T>& g, auto const& batch) {
        double loss = 0;
        std::fill(g.begin(), g.end(), T{0});
        for (laws::point const& each : batch)
            for (std::size_t i = 0; i < x.size(); ++i) {
                T const off = x[i] - static_cast<T>(each.x * std::sin(static_cast<double>(i)) + each.y);
                g[i] += off / static_cast<T>(batch.size());
                loss += static_cast<double>(off * off) / 2 / static_cast<double>(batch.size());
            }
        return loss;
    }
};

/// Announces from the last block to the first, when all are final; calls `before` first.
struct backward : blocky {
    std::function<void(std::size_t told)> before = [](std::size_t) {};

    double loss_and_gradients(auto const& batch, auto const& announce) {
        double const loss = blocky::loss_and_gradients(batch, [](std::size_t) {});
        for (std::size_t told = 0; told < blocks; ++told) before(told), announce(blocks - 1 - told);
        return loss;
    }
};

/// Announces one block more than it should.
struct odd : blocky {
    bool is = false;
    std::size_t block = 0;

    double loss_and_gradients(auto const& batch, auto const& announce) {
        double const loss = blocky::loss_and_gradients(batch, announce);
        if (is) announce(block);
        return loss;
    }
};

blocky shuffled_on(int rank) {
    blocky model;
    model.seed = static_cast<unsigned>(rank) + 1;
    return model;
}
std::vector<double> values(blocky& model) {
    std::vector<double> all;
    for (auto const& each : model.now.floats) all.insert(all.end(), each.begin(), each.end());
    for (auto const& each : model.now.doubles) all.insert(all.end(), each.begin(), each.end());
    return all;
}

/// What a training by `sync` makes: each step's loss, then all parameters.
template <class Sync>
std::vector<double> trained(laws::any_communicator& world, laws::expectation const& expect, blocky model, Sync sync,
                            std::size_t batch, std::size_t accumulate) {
    auto const data = laws::wave(26);
    tutti::data_parallel_trainer trainer{world, std::move(model), partition::strided{}, sync, optim::sgd{.learning_rate = 0.1}};
    std::vector<double> all;
    for (int epoch = 0; epoch < 2; ++epoch)
        all.push_back(trainer.run_epoch(data, {.batch = batch, .accumulate = accumulate, .clip_norm = 5}).mean_loss);
    expect(trainer.replicas_agree(), "replicas agree");
    auto const found = values(trainer.model());
    all.insert(all.end(), found.begin(), found.end());
    return all;
}

void same(laws::any_communicator& world, laws::expectation const& expect, std::vector<double> const& found,
          std::vector<double> const& wanted, std::string const& what) {
    if (world.folds_rank_by_rank()) expect(found == wanted, what + ": bit for bit");
    else expect.close(laws::largest_difference(found, wanted), 0, 1e-5, what);
}

std::string problem_with(laws::any_communicator& world, bucketed settings) {
    try {
        tutti::data_parallel_trainer trainer{world, blocky{}, partition::strided{}, settings, optim::sgd{.learning_rate = 0.1}};
    } catch (tutti::usage_error const& problem) { return problem.what(); }
    return {};
}

struct plain {
    double loss_and_gradients(int, bool = false) { return 0; }
};
struct announces_by_function {};
[[maybe_unused]] double loss_and_gradients(announces_by_function&, int, std::function<void(std::size_t)> announce) {
    return announce(0), 0;
}
static_assert(tutti::trains_on<plain, int> && !tutti::announces_gradients<plain, int>);
static_assert(tutti::trains_on<announces_by_function, int> && tutti::announces_gradients<announces_by_function, int>);
static_assert(!tutti::overlapping_synchronisation<tutti::sync::all_reduce, laws::any_communicator> &&
              tutti::overlapping_synchronisation<bucketed, laws::any_communicator>);

}  // namespace

TEST_CASE("buckets take blocks from the last, close once they hold enough, and hold one type") {
    using item = tutti::sync::detail::bucket_item;
    auto const ends = [](std::vector<item> const& items, std::size_t first, std::size_t others) {
        std::vector<std::size_t> firsts;
        std::size_t count = 0, next = items.size();
        for (auto const& each : tutti::sync::detail::buckets_of(std::span{items}, first, others)) {
            CHECK(each.last == next);
            next = each.first;
            firsts.push_back(each.first);
            count += each.count;
        }
        std::size_t whole = 0;
        for (auto const& each : items) whole += each.count;
        CHECK(count == whole);
        CHECK(next == 0);
        return firsts;
    };
    auto const* const f = &tutti::element_type_of<float>;
    auto const* const d = &tutti::element_type_of<double>;
    using list = std::vector<std::size_t>;
    CHECK(ends({{f, 10}, {f, 10}, {f, 10}, {f, 10}, {f, 10}}, 40, 80) == list{4, 2, 0});
    CHECK(ends({{f, 10}, {f, 10}, {f, 10}, {f, 10}, {f, 10}}, 41, 1000) == list{3, 0});
    CHECK(ends({{f, 100}, {f, 1}, {f, 0}, {f, 1}}, 8, 4) == list{1, 0});
    CHECK(ends({{f, 1}, {f, 1}, {d, 1}, {f, 1}}, 1000, 1000) == list{3, 2, 0});
    CHECK(ends({}, 1, 1).empty());
}

TEST_CASE("gradients exchanged during the pass give what all_reduce gives, whatever order each rank announces them in") {
    laws::on_every_backend([&](laws::any_communicator& world, laws::expectation const& expect) {
        for (std::size_t const batch : {std::size_t{10}, std::size_t{3}})  // 3: ranks without samples
            for (std::size_t const accumulate : {std::size_t{1}, std::size_t{3}}) {
                auto const wanted = trained(world, expect, blocky{}, tutti::sync::all_reduce{}, batch, accumulate);
                auto const found = [&](bucketed sync) {
                    return trained(world, expect, shuffled_on(world.rank()), sync, batch, accumulate);
                };
                same(world, expect, found({.first_bytes = 1, .bytes = 1}), wanted, "a bucket per block");
                same(world, expect, found({.first_bytes = 60, .bytes = 300}), wanted, "a few buckets");
                if (batch == 10) same(world, expect, found({}), wanted, "as it is");
            }
    });
}

TEST_CASE("a step on batches of the caller's gives what all_reduce gives") {
    auto const data = laws::wave(40);
    laws::on_every_backend([&](laws::any_communicator& world, laws::expectation const& expect) {
        auto const trained = [&](auto sync, blocky model) {
            tutti::data_parallel_trainer trainer{world, std::move(model), partition::strided{}, sync,
                                                 optim::sgd{.learning_rate = 0.1}};
            std::vector<double> all;
            for (std::size_t step = 0; step < 4; ++step) {  // rank r brings r + step % 2 samples
                auto const mine = static_cast<std::size_t>(world.rank()) + step % 2 + (world.size() == 1);
                auto const report = trainer.step(std::span{data}.subspan(step, mine), mine, step == 3 ? 2 : 0);
                all.push_back(report.mean_loss), all.push_back(report.gradient_norm);
                expect.equal(report.step, 1u, "a step");
            }
            auto const found = values(trainer.model());
            all.insert(all.end(), found.begin(), found.end());
            expect(trainer.replicas_agree(), "replicas agree");
            expect.throws<tutti::usage_error>([&] { trainer.step(std::span{data}.first(0), 0); }, {"no rank brought a sample"},
                                              "refused");
            return all;
        };
        auto const wanted = trained(tutti::sync::all_reduce{}, blocky{});
        same(world, expect, trained(bucketed{.first_bytes = 50, .bytes = 100}, shuffled_on(world.rank())), wanted, "steps");
    });
}

TEST_CASE("a model that only announces trains by policies that do not listen, and blocks may be left for the end") {
    laws::on_every_backend([&](laws::any_communicator& world, laws::expectation const& expect) {
        if (world.size() > 4) return;
        auto const wanted = trained(world, expect, blocky{}, tutti::sync::all_reduce{}, 10, 1);
        auto const sharded = trained(world, expect, shuffled_on(world.rank()), tutti::sync::sharded<1>{}, 10, 1);
        expect.close(laws::largest_difference(sharded, wanted), 0, 1e-5, "sharded, whose norms are summed in another order");
        for (std::size_t const accumulate : {std::size_t{1}, std::size_t{2}}) {
            auto const all = trained(world, expect, blocky{}, tutti::sync::all_reduce{}, 10, accumulate);
            blocky model = shuffled_on(world.rank());
            model.silent = 1 + static_cast<std::size_t>(world.rank()) * 2;
            same(world, expect, trained(world, expect, model, bucketed{.first_bytes = 1, .bytes = 1}, 10, accumulate), all,
                 "some silent");
        }
    });
}

TEST_CASE("buckets without bytes, or that differ between ranks, are told on every rank") {
    laws::on_every_backend([&](laws::any_communicator& world, laws::expectation const& expect) {
        expect(problem_with(world, {.first_bytes = 0}).find("first_bytes = 0 must be at least 1") != std::string::npos,
               "first_bytes");
        expect(problem_with(world, {.bytes = 0}).find("bytes = 0 must be at least 1") != std::string::npos, "bytes");
        if (world.size() == 1) return;
        expect(problem_with(world, {.bytes = world.rank() == 1 ? 4u : 3u}).find("bytes is 3 on rank 0 and 4 on rank 1") !=
                   std::string::npos,
               "different");
    });
}

TEST_CASE("traffic() is what a trace counts per step; none on one rank") {
    laws::on_every_backend([](laws::any_communicator& any, laws::expectation const& expect) {
        tutti::comm::traced<laws::any_communicator> world{any};
        tutti::data_parallel_trainer trainer{world, blocky{}, partition::strided{}, bucketed{.first_bytes = 1, .bytes = 200},
                                             optim::sgd{.learning_rate = 0.1}};
        std::vector<std::size_t> sent;
        trainer.after_step([&](auto const&) { sent.push_back(world.summary().of(tutti::collective::all_reduce).bytes); });
        trainer.run_epoch(laws::wave(12), {.batch = 4});
        double const whole = world.size() == 1 ? 0 : 390 * sizeof(float) + 49 * sizeof(double);
        expect.equal(trainer.traffic().of(tutti::collective::all_reduce), whole, "said");
        expect.equal(trainer.traffic().total(), whole, "in all");
        expect.equal(static_cast<double>(sent[2] - sent[0]), 2 * whole, "counted in two steps");
    });
}

TEST_CASE("the exchange of early buckets is over before the pass is, and the trace tells") {
    laws::on_threads({2, 3, 5}, [&](laws::any_communicator& threads, laws::expectation const& expect) {
        tutti::comm::traced<laws::any_communicator> world{threads};
        auto const sums = [&] { return world.summary().of(tutti::collective::all_reduce).calls; };
        std::size_t before = 0;
        backward its{};
        its.before = [&](std::size_t told) {
            if (told == 0) before = sums();
            if (told + 1 != blocks) return;
            // Of 8 buckets, as an empty block joins the next, 7 can leave. The last of these begins when six are complete on this
            // rank; so they are begun on all, while none has come to the end of its pass.
            auto const deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
            while (sums() < before + 7 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
            expect.equal(sums(), before + 7, "buckets that began during the pass");
        };
        tutti::data_parallel_trainer trainer{world, its, partition::strided{}, bucketed{.first_bytes = 1, .bytes = 1},
                                             optim::sgd{.learning_rate = 0.1}};
        trainer.run_epoch(laws::wave(20), {.batch = 10});
        expect(trainer.replicas_agree(), "replicas agree");
    });
}

namespace {

/// Runs an epoch in which one rank's model fails as `between` says; what each rank then gets.
template <class Failure>
void failing(laws::any_communicator& world, laws::expectation const& expect, std::function<void(std::size_t)> between,
             std::string const& words, bool throws_itself) {
    auto const data = laws::wave(40);
    blocky model = shuffled_on(world.rank());
    if (throws_itself) model.between = std::move(between);
    tutti::data_parallel_trainer trainer{world, model, partition::strided{}, bucketed{.first_bytes = 1, .bytes = 100},
                                         optim::sgd{.learning_rate = 0.1}};
    if (throws_itself) expect.throws<Failure>([&] { trainer.run_epoch(data, {.batch = 20}); }, {words}, "where it happened");
    else expect.throws<tutti::peer_failed>([&] { trainer.run_epoch(data, {.batch = 20}); }, {words}, "elsewhere");
    expect.throws<tutti::peer_failed>([&] { trainer.run_epoch(data, {.batch = 20}); }, {words}, "from then on");
}

}  // namespace

TEST_CASE("a model that throws in the middle of a pass ends the group, and nobody hangs") {
    laws::on_threads({2, 3, 5}, [&](laws::any_communicator& world, laws::expectation const& expect) {
        int calls = 0;
        failing<std::domain_error>(
            world, expect,
            [&](std::size_t told) {
                if (told == 4 && ++calls == 2) throw std::domain_error{"too steep"};
            },
            "too steep", world.rank() == 1);
    });
}

TEST_CASE("a trainer that goes in the middle of a pass leaves nothing behind") {
    laws::on_threads({2, 3}, [&](laws::any_communicator& world, laws::expectation const& expect) {
        std::string told;
        try {
            blocky model = shuffled_on(world.rank());
            if (world.rank() == 0)
                model.between = [&](std::size_t done) {
                    if (done == 6) throw 42;
                };
            tutti::data_parallel_trainer trainer{world, model, partition::strided{}, bucketed{.first_bytes = 1, .bytes = 1},
                                                 optim::sgd{.learning_rate = 0.1}};
            trainer.run_epoch(laws::wave(40), {.batch = 20, .accumulate = 2});
        } catch (int) { told = "no std::exception"; } catch (tutti::peer_failed const& problem) {
            told = problem.what();
        }
        expect(told.find("no std::exception") != std::string::npos, "told");
    });
    laws::on_threads({2, 3}, [&](laws::any_communicator& world, laws::expectation const& expect) {
        using bound = bucketed::bound<laws::any_communicator>;  // without a trainer around it
        std::vector<float> gradients(100);
        std::array both{std::span{gradients}.first(50), std::span{gradients}.last(50)};
        if (world.rank() == 0) {
            bound sync{world, bucketed{.first_bytes = 1, .bytes = 1}};
            sync.begin(both, 1.0 / world.size())(1);
        } else {
            bound sync{world, bucketed{.first_bytes = 1, .bytes = 1}};
            expect.throws<tutti::peer_failed>([&] { sync.contribute(both, 1.0 / world.size()); }, {"in the middle of an exchange"},
                                              "told");
        }
    });
}

TEST_CASE("a block that is announced twice, or that there is not, is refused by name") {
    for (std::size_t const wrong : {std::size_t{0}, blocks})
        laws::on_threads({1, 2, 4}, [&](laws::any_communicator& world, laws::expectation const& expect) {
            odd model{};
            model.is = world.rank() == 0, model.block = wrong;
            tutti::data_parallel_trainer trainer{world, model, partition::strided{}, bucketed{.first_bytes = 1, .bytes = 1},
                                                 optim::sgd{.learning_rate = 0.1}};
            auto const run = [&] { trainer.run_epoch(laws::wave(8)); };
            if (model.is)
                expect.throws<tutti::usage_error>(
                    run, {wrong == 0 ? "block 0 of its gradients twice" : "block 9 of its gradients, which has 9 blocks"},
                    "refused");
            else expect.throws<tutti::peer_failed>(run, {"the model announces block"}, "told");
        });
}
