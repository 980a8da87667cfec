#include <tutti/tutti.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <span>
#include <tuple>
#include <type_traits>
#include <vector>

namespace {

/// Bytes that this thread holds in memory that is aligned, as only numbers' is.
thread_local std::ptrdiff_t held = 0;

}  // namespace

// Each piece has its size before it.
void* operator new[](std::size_t size, std::align_val_t alignment) {
    auto const room = static_cast<std::size_t>(alignment);
    auto* const bytes = static_cast<std::byte*>(std::aligned_alloc(room, (size + 2 * room - 1) / room * room));
    if (!bytes) throw std::bad_alloc{};
    *reinterpret_cast<std::size_t*>(bytes) = size;
    held += static_cast<std::ptrdiff_t>(size);
    return bytes + room;
}
void operator delete[](void* pointer, std::align_val_t alignment) noexcept {
    if (!pointer) return;
    auto* const bytes = static_cast<std::byte*>(pointer) - static_cast<std::size_t>(alignment);
    held -= static_cast<std::ptrdiff_t>(*reinterpret_cast<std::size_t*>(bytes));
    std::free(bytes);
}
void operator delete[](void* pointer, std::size_t, std::align_val_t alignment) noexcept { operator delete[](pointer, alignment); }

namespace {

namespace codec = tutti::sync::codec;

/// A matrix of 40 x 30 floats and a vector of 50 doubles.
struct mixed {
    std::vector<float> w = std::vector<float>(1200), dw = w;
    std::vector<double> b = std::vector<double>(50), db = b;
    auto parameters() { return std::tuple{std::span{w}, std::span{b}}; }
    auto gradients() { return std::tuple{std::span{dw}, std::span{db}}; }
    std::array<tutti::block_shape, 2> shapes() const { return {{{40, 30}, {50, 1}}}; }
    double loss_and_gradients(auto const& /*batch*/) { return 0; }
};

/// The same, after 100 floats; announces its gradients, the last block first.
struct announcing : mixed {
    std::vector<float> more = std::vector<float>(100), dmore = more;
    auto parameters() { return std::tuple{std::span{more}, std::span{w}, std::span{b}}; }
    auto gradients() { return std::tuple{std::span{dmore}, std::span{dw}, std::span{db}}; }
    std::array<tutti::block_shape, 3> shapes() const { return {{{100, 1}, {40, 30}, {50, 1}}}; }
    double loss_and_gradients(auto const& /*batch*/, auto announce) {
        for (std::size_t k = 3; k-- > 0;) announce(k);
        return 0;
    }
};

constexpr std::size_t whole = 1200 * 4 + 50 * 8;

/// Floats in memory that is counted.
template <class T>
struct counted {
    using value_type = T;
    T* allocate(std::size_t size) { return reinterpret_cast<T*>(new (std::align_val_t{64}) std::byte[size * sizeof(T)]); }
    void deallocate(T* pointer, std::size_t) { ::operator delete[](pointer, std::align_val_t{64}); }
    bool operator==(counted const&) const = default;
};
using floats = std::vector<float, counted<float>>;

/// A layer that gives `Width` floats for each sample, takes nothing over and saves nothing: so all that is held is the trainer's.
template <std::size_t Width>
struct widened {
    struct saved {};
    std::size_t taken = 0;  // of every micro-batch alike
    std::vector<double> w = std::vector<double>(Width), dw = w;
    auto& parameters() { return w; }
    auto& gradients() { return dw; }
    floats forward(auto const& x, saved&) {
        taken = x.size();
        return floats(Width * (std::is_same_v<decltype(x), floats const&> ? taken / (Width - 10) : taken));
    }
    floats backward(floats const&, saved&) const { return floats(taken); }
};

/// Checks what a trainer says against what its rank has allocated for it; `sync` is what its policy keeps on several ranks.
template <class Sync, class Optimizer>
void check(Sync policy, Optimizer optimizer, std::size_t sync) {
    for (int const ranks : {1, 2, 3, 4})
        tutti::launch<tutti::comm::threads>(ranks, [&](auto& world) {
            auto const before = held;
            tutti::data_parallel_trainer trainer{world, mixed{}, tutti::partition::block{}, policy, optimizer};
            auto const memory = trainer.memory();
            CHECK(memory.parameters == whole);
            CHECK(memory.gradients == whole);
            CHECK(memory.sync == (ranks == 1 ? 0 : sync));
            CHECK(memory.accumulation == 0);
            CHECK(static_cast<std::ptrdiff_t>(memory.optimizer + memory.sync) == held - before);
            trainer.run_epoch(std::vector<int>(8), {.batch = 4, .accumulate = 2});
            CHECK(trainer.memory().accumulation == whole);
            CHECK(static_cast<std::ptrdiff_t>(memory.optimizer + memory.sync + whole) == held - before);
            CHECK(trainer.memory().total() == memory.total() + whole);
        });
}

/// top_k's, on any number of ranks: a place per number, and what is gathered.
std::size_t top_k_of(int ranks) { return 1250 * 4 + static_cast<std::size_t>(ranks) * (12 * (4 + 4) + 1 * (8 + 4)); }

}  // namespace

TEST_CASE("memory() is what a rank has allocated, by every policy") {
    tutti::optim::sgd const plain{}, momentum{.momentum = 0.9};
    tutti::optim::adam const adam{};
    check(tutti::sync::all_reduce{}, plain, 0);
    check(tutti::sync::all_reduce{}, momentum, 0);
    check(tutti::sync::every_n_steps{.n = 2}, adam, 0);
    check(tutti::sync::sharded<1>{}, adam, 0);
    check(tutti::sync::compressed{codec::half{}}, plain, 1250 * 2);
    check(tutti::sync::compressed{codec::error_feedback{codec::half{}}}, adam, 1250 * 2 + whole);
    check(tutti::sync::compressed{codec::error_feedback{codec::power_sgd{.rank = 2}}}, momentum, (40 + 30) * 2 * 4 + whole);
}

TEST_CASE("buckets of several blocks are held once more, from the first pass on; a block that is a bucket is not") {
    for (int const ranks : {1, 2, 3})
        for (std::size_t const bytes : {std::size_t{1} << 20, std::size_t{1}})
            tutti::launch<tutti::comm::threads>(ranks, [&](auto& world) {
                tutti::data_parallel_trainer trainer{world, announcing{}, tutti::partition::block{},
                                                     tutti::sync::bucketed{.first_bytes = bytes, .bytes = bytes}, tutti::optim::sgd{}};
                auto const before = held;  // with the group that the exchange has for itself
                trainer.run_epoch(std::vector<int>(8), {.batch = 4});
                std::size_t const gathered = bytes == 1 ? 0 : 1300 * 4;  // the doubles are a bucket of their own
                CHECK(trainer.memory().sync == (ranks == 1 ? 0 : gathered));
                CHECK(static_cast<std::ptrdiff_t>(trainer.memory().sync) == held - before);
            });
}

TEST_CASE("top_k keeps a place per number and room for what all ranks send") {
    for (int const ranks : {2, 3})
        tutti::launch<tutti::comm::threads>(ranks, [&](auto& world) {
            auto const before = held;
            tutti::data_parallel_trainer trainer{world, mixed{}, tutti::partition::block{},
                                                 tutti::sync::compressed{codec::error_feedback{codec::top_k{}}},
                                                 tutti::optim::sgd{}};
            CHECK(trainer.memory().sync == top_k_of(ranks) + whole);
            CHECK(static_cast<std::ptrdiff_t>(trainer.memory().sync) == held - before);
        });
}

TEST_CASE("a parameter server keeps of staleness + 1 steps what is under way") {
    for (int const ranks : {1, 2, 3})
        tutti::launch<tutti::comm::threads>(ranks, [&](auto& world) {
            auto const before = held;
            tutti::data_parallel_trainer trainer{world, mixed{}, tutti::partition::block{},
                                                 tutti::sync::parameter_server{.staleness = 2}, tutti::optim::adam{}};
            trainer.run_epoch(std::vector<int>(8), {.batch = 4});
            auto const memory = trainer.memory();
            std::size_t const mine = memory.optimizer / 2;
            CHECK(memory.sync == (ranks == 1 ? 0 : 3 * (2 * whole + static_cast<std::size_t>(ranks - 1) * mine)));
            CHECK(static_cast<std::ptrdiff_t>(memory.optimizer + memory.sync) == held - before);
        });
}

TEST_CASE("a shard's optimiser state is that of the numbers it owns, and all shards are the whole") {
    std::array<std::size_t, 4> optimizer{};
    tutti::launch<tutti::comm::threads>(4, [&](auto& world) {
        tutti::data_parallel_trainer trainer{world, mixed{}, tutti::partition::block{}, tutti::sync::sharded<1>{},
                                             tutti::optim::adam{}};
        optimizer[static_cast<std::size_t>(world.rank())] = trainer.memory().optimizer;
    });
    // 320 numbers, 20 runs of 16, for each of the first three; the last has 240 of the matrix and the vector.
    CHECK(optimizer == std::array<std::size_t, 4>{2 * 320 * 4, 2 * 320 * 4, 2 * 320 * 4, 2 * (240 * 4 + 50 * 8)});
}

TEST_CASE("a stage holds what crosses its cuts once each way, and the gradients of the loss in flight") {
    std::size_t const batch = 12, parts = 4, each = batch / parts;
    auto const check = [&](auto schedule, std::size_t in_flight, int stages, int copies) {
        tutti::launch<tutti::comm::threads>(stages * copies, [&](auto& world) {
            tutti::mesh grid{world, {{"stages", stages}, {"data", copies}}};
            auto const before = held;
            tutti::model_parallel_trainer trainer{
                grid.along("stages"),
                tutti::layers{[] { return widened<20>{}; }, [] { return widened<30>{}; }, [] { return widened<40>{}; },
                              [](floats const& y, auto const&, floats& dy) { return dy.resize(y.size()), 0.0; }},
                tutti::partition::block{}, tutti::partition::layers{}, schedule, tutti::optim::adam{},
                tutti::replicas{grid.along("data"), tutti::sync::compressed{codec::half{}}}};
            std::size_t numbers = 0;
            trainer.for_each_layer([&](auto& layer, auto) { numbers += layer.w.size(); });
            auto const rest = trainer.memory();
            CHECK(rest.parameters == numbers * 8);
            CHECK(rest.optimizer == 2 * numbers * 8);
            CHECK(rest.sync == (copies == 1 ? 0 : numbers * 2));
            CHECK(static_cast<std::ptrdiff_t>(rest.total() - 2 * numbers * 8) == held - before);
            std::ptrdiff_t during = 0;
            trainer.after_step([&](auto const&) { during = held; });
            trainer.run_epoch(std::vector<int>(batch * static_cast<std::size_t>(copies)),
                              {.batch = batch * static_cast<std::size_t>(copies), .accumulate = parts});
            auto const memory = trainer.memory(batch, parts);
            std::size_t cuts = 0;
            for (std::size_t k : {trainer.first_layer(), trainer.last_layer()})
                if (k == 1 || k == 2) cuts += 2 * each * (10 + 10 * k) * sizeof(float);
            bool const ends = trainer.last_layer() == 3;
            CHECK(memory.activations == cuts + (ends ? in_flight * each * 40 * sizeof(float) : 0));
            CHECK(static_cast<std::ptrdiff_t>(memory.total() - 2 * numbers * 8) == during - before);
            CHECK(static_cast<std::ptrdiff_t>(rest.total() - 2 * numbers * 8) == held - before);
        });
    };
    for (int const stages : {1, 2, 3})
        for (int const copies : {1, 2}) {
            check(tutti::pipeline::gpipe{}, parts, stages, copies);
            check(tutti::pipeline::one_forward_one_backward{}, 1, stages, copies);
        }
}
