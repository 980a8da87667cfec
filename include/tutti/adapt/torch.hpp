#pragma once

#include <tutti/concepts/block_form.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>
#include <torch/torch.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace tutti::adapt {

/// A `torch::nn::Module` and a loss, as a model that the trainers take. Each rank builds its own; the trainer gives all of them the
/// parameters of rank 0.
///
/// `loss(net, batch)` gives the mean loss of the batch as a tensor of one number. Batches are of any type that the data set makes,
/// such as a pair of tensors.
///
/// A parameter that the net has under two names is one. What needs no gradient is not trained, but given to all ranks like the
/// net's buffers. Gradients are allocated here and stay where they are: let nothing replace them, `net->zero_grad()` or a second
/// `torch_model` of the same net for example.
/// Memory: the gradients, once; no copy of the parameters
/// @tparam Net     a `std::shared_ptr` to a module, or one of torch's module holders
/// @tparam Number  of all trained parameters
template <class Net, class Loss, class Number = float>
class torch_model {
public:
    /// Takes the net and its loss over.
    /// @param trained  as its parameters are; move them to where they stay before
    /// @param by       called as by(trained, batch)
    /// @throws usage_error  when a parameter is not of type `Number`, not contiguous, or not in the host's memory
    torch_model(Net trained, Loss by) : state_{std::make_unique<state>(std::move(trained), std::move(by))} {}

    std::vector<std::span<Number>> const& parameters() const { return state_->parameters; }
    std::vector<std::span<Number>> const& gradients() const { return state_->gradients; }
    /// What is a matrix among them: a tensor of two dimensions or more, its first by all others together, as kernels are.
    std::vector<block_shape> shapes() const {
        std::vector<block_shape> all;
        for (torch::Tensor const& each : state_->tensors) {
            auto const whole = static_cast<std::size_t>(each.numel());
            auto const rows = each.dim() >= 2 && whole != 0 ? static_cast<std::size_t>(each.size(0)) : whole;
            all.push_back({rows, rows == 0 ? 1 : whole / rows});
        }
        return all;
    }
    /// What is not trained, as bytes: running means, counters, frozen parameters.
    std::vector<std::span<std::uint8_t>> const& buffers() const { return state_->buffers; }

    /// The mean loss of the batch; overwrites the gradients with its own.
    /// @throws usage_error  when a gradient is not where it was
    template <class Batch>
    double loss_and_gradients(Batch const& batch) {
        state_->clear_gradients();
        torch::Tensor const mean = state_->loss(state_->net, batch);
        mean.backward();
        return mean.template item<double>();
    }
    /// The same; calls `announce(k)` as soon as block k of the gradients is final, once for each: those that the loss does not
    /// depend on come last.
    template <class Batch, class Announce>
    double loss_and_gradients(Batch const& batch, Announce&& announce) {
        std::vector<char> told(state_->tensors.size(), 0);
        *state_->ready = [&](std::size_t block) { told[block] = 1, announce(block); };
        struct silence {
            std::function<void(std::size_t)>& ready;
            ~silence() { ready = nullptr; }
        } const afterwards{*state_->ready};
        double const mean = loss_and_gradients(batch);
        for (std::size_t block = 0; block < told.size(); ++block)
            if (!told[block]) announce(block);
        return mean;
    }
    /// The mean loss of the batch alone, as the net is: call `net()->eval()` before where that matters.
    template <class Batch>
    double loss(Batch const& batch) {
        torch::NoGradGuard const without_gradients;
        return state_->loss(state_->net, batch).template item<double>();
    }

    Net& net() { return state_->net; }
    Net const& net() const { return state_->net; }

private:
    /// Where hooks find it when the model has moved.
    struct state {
        state(Net its_net, Loss its_loss) : net{std::move(its_net)}, loss{std::move(its_loss)} {
            for (auto& each : net->named_parameters()) {
                torch::Tensor& tensor = each.value();
                if (knows(tensor)) continue;
                require(tensor.device().is_cpu(), each.key(), "is not in the host's memory");
                require(tensor.is_contiguous(), each.key(), "is not contiguous");
                if (!tensor.requires_grad()) {
                    keep(tensor, each.key());
                    continue;
                }
                require(tensor.scalar_type() == torch::CppTypeToScalarType<Number>::value, each.key(),
                        "has another type of numbers than the others; name it: torch_model<Net, Loss, Number>");
                auto const slopes = torch::zeros_like(tensor);
                tensor.mutable_grad() = slopes;
                auto const size = static_cast<std::size_t>(tensor.numel());
                parameters.emplace_back(tensor.template data_ptr<Number>(), size);
                gradients.emplace_back(slopes.template data_ptr<Number>(), size);
                tensors.push_back(tensor);
                kept_.push_back(slopes);
                tell_when_final(tensors.size() - 1);
            }
            for (auto& each : net->named_buffers()) keep(each.value(), each.key());
        }
        state(state const&) = delete;
        state& operator=(state const&) = delete;
        ~state() { *ready = nullptr; }

        void clear_gradients() {
            for (std::size_t block = 0; block < tensors.size(); ++block) {
                torch::Tensor const& slopes = tensors[block].grad();
                if (!slopes.defined() || slopes.data_ptr() != gradients[block].data())
                    detail::raise<usage_error>({"tutti: torch_model: gradient ", block, " of the net is another tensor than it was: "
                                                "zero_grad(), or another torch_model of the same net, has replaced it"});
                slopes.zero_();
            }
        }

        Net net;
        Loss loss;
        std::vector<torch::Tensor> tensors;  // those trained
        std::vector<std::span<Number>> parameters, gradients;
        std::vector<std::span<std::uint8_t>> buffers;
        // Shared with hooks, which the net may keep for longer.
        std::shared_ptr<std::function<void(std::size_t)>> ready = std::make_shared<std::function<void(std::size_t)>>();

    private:
        static void require(bool holds, std::string const& name, char const* problem) {
            if (!holds) detail::raise<usage_error>({"tutti: torch_model: ", name, " ", problem});
        }
        bool knows(torch::Tensor const& tensor) const {
            for (torch::Tensor const& each : tensors)
                if (each.is_same(tensor)) return true;
            return false;
        }
        void keep(torch::Tensor& tensor, std::string const& name) {
            require(tensor.device().is_cpu(), name, "is not in the host's memory");
            require(tensor.is_contiguous(), name, "is not contiguous");
            buffers.emplace_back(static_cast<std::uint8_t*>(tensor.data_ptr()), tensor.nbytes());
            kept_.push_back(tensor);
        }

        /// What autograd calls after it has added up the gradient of one tensor.
        struct hook final : torch::autograd::FunctionPostHook {
            hook(std::shared_ptr<std::function<void(std::size_t)>> whom, std::size_t its_block)
                : tells{std::move(whom)},
                  block{its_block} {}
            torch::autograd::variable_list operator()(torch::autograd::variable_list const& outputs,
                                                      torch::autograd::variable_list const& /*inputs*/) override {
                if (*tells) (*tells)(block);
                return outputs;
            }
            std::shared_ptr<std::function<void(std::size_t)>> tells;
            std::size_t block;
        };
        void tell_when_final(std::size_t block) {
            auto adds_up = torch::autograd::impl::grad_accumulator(tensors[block]);
            adds_up->add_post_hook(std::make_unique<hook>(ready, block));
            accumulators_.push_back(std::move(adds_up));  // tensors do not keep them alive
        }

        std::vector<torch::Tensor> kept_;  // whose memory the spans are in
        std::vector<std::shared_ptr<torch::autograd::Node>> accumulators_;
    };

    std::unique_ptr<state> state_;
};

}  // namespace tutti::adapt
