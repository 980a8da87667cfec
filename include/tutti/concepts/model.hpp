#pragma once

#include <tutti/concepts/blocks.hpp>
#include <tutti/concepts/memory_space.hpp>

#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace tutti {

/// What a model tells that a block of its gradients is final: `announce(k)`, by the number that `for_each_block` visits it as.
/// Refers to what it passes that on to; one made of nothing does nothing.
class announcer {
public:
    announcer() = default;
    template <class Hear>
        requires(!std::same_as<Hear, announcer>)
    explicit announcer(Hear& hear)
        : hears_{const_cast<std::remove_const_t<Hear>*>(&hear)},
          tell_{[](void* whom, std::size_t block) { (*static_cast<Hear*>(whom))(block); }} {}

    void operator()(std::size_t block) const {
        if (tell_) tell_(hears_, block);
    }

private:
    void* hears_ = nullptr;
    void (*tell_)(void* whom, std::size_t block) = nullptr;
};

namespace detail {
namespace adl {

void parameters();
void gradients();
void loss_and_gradients();

struct get_parameters {
    template <class Model>
    constexpr decltype(auto) operator()(Model& model) const
        requires requires { model.parameters(); } || requires { parameters(model); } {
        if constexpr (requires { model.parameters(); }) return model.parameters();
        else return parameters(model);
    }
};
struct get_gradients {
    template <class Model>
    constexpr decltype(auto) operator()(Model& model) const
        requires requires { model.gradients(); } || requires { gradients(model); } {
        if constexpr (requires { model.gradients(); }) return model.gradients();
        else return gradients(model);
    }
};
struct get_announced_loss_and_gradients {
    template <class Model, class Batch>
    constexpr auto operator()(Model& model, Batch const& batch, announcer const& announce) const
        -> decltype(model.loss_and_gradients(batch, announce)) {
        return model.loss_and_gradients(batch, announce);
    }
    template <class Model, class Batch>
        requires(!requires(Model& model, Batch const& batch, announcer const& announce) {
            model.loss_and_gradients(batch, announce);
        })
    constexpr auto operator()(Model& model, Batch const& batch, announcer const& announce) const
        -> decltype(loss_and_gradients(model, batch, announce)) {
        return loss_and_gradients(model, batch, announce);
    }
};
template <class Model, class Batch>
concept only_announces = !requires(Model& model, Batch const& batch) { model.loss_and_gradients(batch); } &&
                         !requires(Model& model, Batch const& batch) { loss_and_gradients(model, batch); };
struct get_loss_and_gradients : get_announced_loss_and_gradients {
    using get_announced_loss_and_gradients::operator();
    // The return types are spelled out, so that to ask whether a model takes a batch does not compile its training pass for it.
    template <class Model, class Batch>
    constexpr auto operator()(Model& model, Batch const& batch) const -> decltype(model.loss_and_gradients(batch)) {
        return model.loss_and_gradients(batch);
    }
    template <class Model, class Batch>
        requires(!requires(Model& model, Batch const& batch) { model.loss_and_gradients(batch); })
    constexpr auto operator()(Model& model, Batch const& batch) const -> decltype(loss_and_gradients(model, batch)) {
        return loss_and_gradients(model, batch);
    }
    // The form that announces, to nobody.
    template <class Model, class Batch>
        requires only_announces<Model, Batch>
    constexpr auto operator()(Model& model, Batch const& batch) const
        -> decltype(get_announced_loss_and_gradients{}(model, batch, announcer{})) {
        return get_announced_loss_and_gradients{}(model, batch, announcer{});
    }
};

}  // namespace adl
}  // namespace detail

/// The parameters of a model, its gradients, and its training pass, with an announcer or without: the member of that name, or else
/// the free function found by argument-dependent look-up.
inline constexpr detail::adl::get_parameters parameters_of{};
inline constexpr detail::adl::get_gradients gradients_of{};
inline constexpr detail::adl::get_loss_and_gradients loss_and_gradients_of{};

/// Shows the numbers it learns as a span of them, a tuple of such spans or a range of such spans.
template <class Model>
concept has_parameters = requires(Model& model) { parameters_of(model); } &&
                         detail::all_blocks<decltype(parameters_of(std::declval<Model&>()))>();

/// Shows the loss's gradient in each of them, in the same shape.
template <class Model>
concept has_gradients = requires(Model& model) { gradients_of(model); } &&
                        detail::all_blocks<decltype(gradients_of(std::declval<Model&>()))>();

/// An optimiser can write to the parameters, and a collective to the gradients.
template <class Model>
concept has_writable_blocks = detail::all_writable<decltype(parameters_of(std::declval<Model&>()))>() &&
                              detail::all_writable<decltype(gradients_of(std::declval<Model&>()))>();

/// Parameters and gradients nest alike and hold the same types of numbers.
template <class Model>
concept has_matching_blocks =
    detail::match<decltype(parameters_of(std::declval<Model&>())), decltype(gradients_of(std::declval<Model&>()))>();

namespace detail {

/// Whether a model has parameters in that memory.
template <memory_space Where, class Model>
constexpr bool has_parameters_in() {
    if constexpr (has_parameters<Model>) return any_block_in<Where, decltype(parameters_of(std::declval<Model&>()))>();
    else return false;
}

// So that each requirement is reported alone, not as a failure of the next.
template <class Model>
concept writable_or_absent = !has_parameters<Model> || !has_gradients<Model> || has_writable_blocks<Model>;
template <class Model>
concept matching_or_absent = !has_parameters<Model> || !has_gradients<Model> || has_matching_blocks<Model>;

}  // namespace detail

/// What can be trained. Nothing to derive from; need be neither copyable nor default-constructible.
/// Laws: `parameters()` and `gradients()` are cheap, and give blocks of the same sizes in the same order at every call;
/// `loss_and_gradients(batch)` returns the mean loss of the batch and overwrites the gradients with those of that mean; it is
/// never called with an empty batch.
template <class Model>
concept trainable = has_parameters<Model> && has_gradients<Model> && has_writable_blocks<Model> &&
                    has_matching_blocks<Model> && std::move_constructible<Model>;

/// A model that takes this type of batch.
template <class Model, class Batch>
concept trains_on = requires(Model& model, Batch const& batch) {
    { loss_and_gradients_of(model, batch) } -> std::convertible_to<double>;
};

/// A model that says which gradients are final while it computes the others: `loss_and_gradients(batch, announce)` calls
/// `announce(k)` as soon as block k of `gradients()` is. Optional: policies that exchange gradients meanwhile need it, such as
/// `sync::bucketed`.
/// Laws: as those of the pass without, and the same results; each block is announced once, in any order, by the thread that called
/// the pass and before that returns; the pass neither reads nor writes a block that it has announced. What is never announced is
/// taken to be final when the pass returns.
template <class Model, class Batch>
concept announces_gradients = requires(Model& model, Batch const& batch, announcer const& announce) {
    { loss_and_gradients_of(model, batch, announce) } -> std::convertible_to<double>;
};

}  // namespace tutti
