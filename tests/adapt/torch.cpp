#include <tutti/adapt/torch.hpp>
#include <tutti/collectives/all_gather.hpp>
#include <tutti/comm/threads.hpp>
#include <tutti/concepts/buffers.hpp>
#include <tutti/concepts/model.hpp>
#include <tutti/optim/sgd.hpp>
#include <tutti/partition/strided.hpp>
#include <tutti/sync/all_reduce.hpp>
#include <tutti/sync/bucketed.hpp>
#include <tutti/train/data_parallel_trainer.hpp>

#include <doctest/doctest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

struct batch {
    torch::Tensor x, y;
};

/// Rows of y = x0 - 2 x1.
struct plane {
    static constexpr std::size_t rows = 24;

    std::size_t size() const { return rows; }
    ::batch batch(std::span<std::size_t const> chosen) const {
        auto const n = static_cast<std::int64_t>(chosen.size());
        ::batch made{torch::empty({n, 2}), torch::empty({n, 1})};
        for (std::size_t row = 0; row < chosen.size(); ++row) {
            float const x0 = static_cast<float>(chosen[row] % 5), x1 = static_cast<float>(chosen[row] % 7);
            made.x[static_cast<std::int64_t>(row)][0] = x0, made.x[static_cast<std::int64_t>(row)][1] = x1;
            made.y[static_cast<std::int64_t>(row)][0] = x0 - 2 * x1;
        }
        return made;
    }
    ::batch all() const {
        std::vector<std::size_t> every(rows);
        for (std::size_t row = 0; row < rows; ++row) every[row] = row;
        return batch(every);
    }
};

/// Two layers with a batch norm between them, and one that the loss does not depend on.
struct layers : torch::nn::Module {
    torch::nn::Linear first = register_module("first", torch::nn::Linear{2, 4});
    torch::nn::BatchNorm1d norm = register_module("norm", torch::nn::BatchNorm1d{4});
    torch::nn::Linear last = register_module("last", torch::nn::Linear{4, 1});
    torch::nn::Linear idle = register_module("idle", torch::nn::Linear{3, 1});

    torch::Tensor forward(torch::Tensor const& x) { return last(torch::relu(norm(first(x)))); }
};

template <class Net>
torch::Tensor squares(Net const& net, batch const& on) {
    return torch::mse_loss(net->forward(on.x), on.y);
}

using model = tutti::adapt::torch_model<std::shared_ptr<layers>, decltype(&squares<std::shared_ptr<layers>>)>;
static_assert(tutti::trainable<model> && tutti::trains_on<model, batch> && tutti::has_buffers<model> &&
              tutti::announces_gradients<model, batch>);

model made() { return {std::make_shared<layers>(), &squares<std::shared_ptr<layers>>}; }

std::vector<float> all_of(std::vector<std::span<float>> const& blocks) {
    std::vector<float> numbers;
    for (auto const block : blocks) numbers.insert(numbers.end(), block.begin(), block.end());
    return numbers;
}

}  // namespace

TEST_CASE("parameters and gradients are the net's own, and gradients are overwritten") {
    model of = made();
    CHECK(of.parameters().size() == 8);
    CHECK(of.parameters()[0].data() == of.net()->first->weight.data_ptr<float>());
    CHECK(of.gradients()[0].data() == of.net()->first->weight.grad().data_ptr<float>());
    CHECK(of.buffers().size() == 3);  // running mean and variance, the number of batches

    auto const everything = plane{}.all();
    double const loss = of.loss_and_gradients(everything);
    auto const once = all_of(of.gradients());
    CHECK(std::any_of(once.begin(), once.end(), [](float g) { return g != 0; }));
    CHECK(of.loss_and_gradients(everything) == loss);
    CHECK(all_of(of.gradients()) == once);
    CHECK(of.loss(everything) == doctest::Approx(loss));
}

TEST_CASE("a tensor with two names is one parameter, and a frozen one is none") {
    struct shared : torch::nn::Module {
        torch::nn::Linear one = register_module("one", torch::nn::Linear{2, 2});
        torch::nn::Linear same = register_module("same", one);
        torch::nn::Linear frozen = register_module("frozen", torch::nn::Linear{2, 1});
        shared() {
            for (auto& each : frozen->parameters()) each.set_requires_grad(false);
        }
        torch::Tensor forward(torch::Tensor const& x) { return frozen(same(one(x))); }
    };
    tutti::adapt::torch_model of{std::make_shared<shared>(), &squares<std::shared_ptr<shared>>};
    CHECK(of.parameters().size() == 2);
    CHECK(of.buffers().size() == 2);
    CHECK(of.buffers()[0].size() == 2 * sizeof(float));
}

TEST_CASE("each gradient is announced once, when it is final: those of later layers first, idle ones last") {
    model first_made = made();
    model of = std::move(first_made);
    auto const everything = plane{}.all();
    of.loss_and_gradients(everything);
    auto const expected = all_of(of.gradients());

    std::vector<std::size_t> order;
    std::vector<float> when_told(expected.size());
    std::vector<std::size_t> starts;
    for (std::size_t at = 0; auto const block : of.gradients()) starts.push_back(at), at += block.size();
    of.loss_and_gradients(everything, [&](std::size_t block) {
        order.push_back(block);
        auto const numbers = of.gradients()[block];
        std::copy(numbers.begin(), numbers.end(), when_told.begin() + static_cast<std::ptrdiff_t>(starts[block]));
    });
    CHECK(when_told == expected);
    auto const place = [&](std::size_t block) { return std::find(order.begin(), order.end(), block) - order.begin(); };
    CHECK(order.size() == 8);
    for (std::size_t block = 0; block < 8; ++block) CHECK(place(block) < 8);
    CHECK(place(4) < place(0));  // last.weight before first.weight
    CHECK(place(6) >= 6);        // idle.weight
    CHECK(place(7) >= 6);

    order.clear();
    of.loss_and_gradients(everything);
    CHECK(order.empty());
}

TEST_CASE("gradients that were replaced are told, and a net outlives its model") {
    auto const net = std::make_shared<layers>();
    auto const everything = plane{}.all();
    {
        model of{net, &squares<std::shared_ptr<layers>>};
        of.loss_and_gradients(everything, [](std::size_t) {});
        net->first->weight.mutable_grad() = torch::zeros_like(net->first->weight);
        CHECK_THROWS_AS(of.loss_and_gradients(everything), tutti::usage_error);
    }
    squares(net, everything).backward();  // hooks have nobody to tell
    model again{net, &squares<std::shared_ptr<layers>>};
    std::vector<std::size_t> order;
    again.loss_and_gradients(everything, [&](std::size_t block) { order.push_back(block); });
    CHECK(order.size() == 8);
}

TEST_CASE("ranks start from one net, stay replicas, and share what a batch norm has seen") {
    torch::set_num_threads(1);
    for (int const ranks : {1, 2, 3}) {
        tutti::launch<tutti::comm::threads>(ranks, [&](auto& world) {
            tutti::data_parallel_trainer trainer{world, made(), tutti::partition::strided{}, tutti::sync::all_reduce{},
                                                 tutti::optim::sgd{.learning_rate = 0.01}};
            for (int epoch = 0; epoch < 3; ++epoch) trainer.run_epoch(plane{}, {.batch = 12});
            CHECK(trainer.replicas_agree());
            for (auto const buffer : trainer.model().buffers()) {
                std::vector<std::uint8_t> const mine(buffer.begin(), buffer.end());
                std::vector<std::uint8_t> all(mine.size() * static_cast<std::size_t>(world.size()));
                tutti::all_gather(world, mine, all);
                for (std::size_t at = 0; at < all.size(); ++at) CHECK(all[at] == mine[at % mine.size()]);
            }
            CHECK(trainer.model().net()->norm->num_batches_tracked.template item<std::int64_t>() == 6);
        });
    }
}

TEST_CASE("a net's weights are matrices to a codec, its biases and norms vectors") {
    auto const shapes = made().shapes();
    std::size_t const expected[][2] = {{4, 2}, {4, 1}, {4, 1}, {4, 1}, {1, 4}, {1, 1}, {1, 3}, {1, 1}};
    REQUIRE(shapes.size() == 8);
    for (std::size_t k = 0; k < 8; ++k) CHECK(shapes[k].rows * 100 + shapes[k].columns == expected[k][0] * 100 + expected[k][1]);
    static_assert(tutti::has_shapes<model>);
}

TEST_CASE("gradients exchanged during the backward pass train what those exchanged after it do, bit for bit") {
    torch::set_num_threads(1);
    auto const trained = [](auto sync, std::size_t accumulate) {
        std::vector<std::vector<float>> found(3);
        tutti::launch<tutti::comm::threads>(3, [&](auto& world) {
            model started = made();
            double at = 0;
            for (auto const block : started.parameters())
                for (float& x : block) x = static_cast<float>(std::sin(++at) / 2);
            tutti::data_parallel_trainer trainer{world, std::move(started), tutti::partition::strided{}, sync,
                                                 tutti::optim::sgd{.learning_rate = 0.01}};
            for (int epoch = 0; epoch < 2; ++epoch) trainer.run_epoch(plane{}, {.batch = 12, .accumulate = accumulate});
            found[static_cast<std::size_t>(world.rank())] = all_of(trainer.model().parameters());
        });
        CHECK(found[1] == found[0]);
        CHECK(found[2] == found[0]);
        return found[0];
    };
    for (std::size_t const accumulate : {std::size_t{1}, std::size_t{2}})
        CHECK(trained(tutti::sync::bucketed{.first_bytes = 1, .bytes = 30}, accumulate) ==
              trained(tutti::sync::all_reduce{}, accumulate));
}

TEST_CASE("parameters that cannot be trained in place are refused by name") {
    auto const problem_of = [](auto net) {
        try {
            tutti::adapt::torch_model of{net, &squares<decltype(net)>};
        } catch (tutti::usage_error const& problem) {
            return std::string{problem.what()};
        }
        return std::string{};
    };
    struct one_weight : torch::nn::Module {
        explicit one_weight(torch::Tensor const& weight) { register_parameter("weight", weight); }
        torch::Tensor forward(torch::Tensor const& x) { return x; }
    };
    CHECK(problem_of(std::make_shared<one_weight>(torch::ones({2, 3}).t())).find("weight is not contiguous") != std::string::npos);
    CHECK(problem_of(std::make_shared<one_weight>(torch::ones({2}, torch::kFloat64))).find("weight has another type") !=
          std::string::npos);
    tutti::adapt::torch_model<std::shared_ptr<one_weight>, decltype(&squares<std::shared_ptr<one_weight>>), double> const of{
        std::make_shared<one_weight>(torch::ones({2}, torch::kFloat64)), &squares<std::shared_ptr<one_weight>>};
    CHECK(of.parameters()[0].size() == 2);
}
