#pragma once

#include <tutti/collectives/messages.hpp>
#include <tutti/concepts/activation.hpp>
#include <tutti/concepts/communicator.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>
#include <tutti/pipeline/schedule.hpp>
#include <tutti/train/layers.hpp>
#include <tutti/train/stage.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace tutti::detail {

/// The extents of what crosses a cut, by the number of samples it is of. Both sides of a cut meet the same numbers in the same
/// order, so both know whether the extents are known, and they are sent once for each number.
class known_extents {
public:
    struct known {
        std::size_t samples;
        std::vector<std::size_t> extents;
        std::size_t bytes;  ///< of all elements
    };

    /// Null where they are not known yet.
    known const* find(std::size_t samples) const {
        for (auto const& each : all_)
            if (each.samples == samples) return &each;
        return nullptr;
    }
    std::vector<std::size_t> const* of(std::size_t samples) const {
        auto const* const found = find(samples);
        return found ? &found->extents : nullptr;
    }
    /// @param  element  bytes of one
    template <class = void>
    void add(std::size_t samples, std::span<std::size_t const> extents, std::size_t element) {
        std::size_t bytes = element;
        for (std::size_t const each : extents) bytes *= each;
        all_.push_back({samples, {extents.begin(), extents.end()}, bytes});
    }

private:
    std::vector<known> all_;
};

/// What of a pass lasts longer than it.
struct cuts_of_stage {
    known_extents before{}, behind{};
    known_extents loss{};  ///< of the gradient that the loss gives, where the model ends
};

template <class Model, class Batch>
constexpr bool takes_output() {
    using output = layer_input_t<Model, Batch, Model::count>;
    return requires(Model& model, output const& y, Batch const& batch, output& dy) {
        { model.loss()(y, batch, dy) } -> std::convertible_to<double>;
    };
}

template <class Model, class Batch, class Sequence>
struct pass_types;
template <class Model, class Batch, std::size_t... K>
struct pass_types<Model, Batch, std::index_sequence<K...>> {
    static_assert((check_layer<Model, Batch, K>() && ...));
    static_assert(
        takes_output<Model, Batch>(),
        "tutti: the loss cannot be called as loss(y, batch, dy), with what the last layer gives, the batch, and where the "
        "gradient in y goes, or does not return the mean loss; see tutti/train/layers.hpp");
    using activations = std::tuple<layer_input_t<Model, Batch, K + 1>...>;
    using saved = std::tuple<std::vector<typename layer_t<Model, K>::saved>...>;
};

/// Takes micro-batches through one stage, for batches of one type: what each layer has saved, and one activation and one gradient
/// on either side of the stage.
template <class Model, class Batch>
class stage_pass {
    using types = pass_types<Model, Batch, std::make_index_sequence<Model::count>>;
    static constexpr std::size_t count = Model::count;

public:
    using batch_type = Batch;
    using output = layer_input_t<Model, Batch, count>;

    stage_pass(stage<Model>& mine, cuts_of_stage& cuts) : stage_{mine}, cuts_{cuts} {}

    /// Makes room for what `slots` micro-batches in flight save.
    void reserve(std::size_t slots) {
        stage_.for_each([&](auto&, auto k) {
            if (std::get<k>(saved_).size() < slots) std::get<k>(saved_).resize(slots);
        });
        if (stage_.last() == count && loss_gradients_.size() < slots) loss_gradients_.resize(slots);
    }

    /// Takes a micro-batch forward.
    /// @param  batch  null on stages that neither begin nor end the model
    /// @param  end    called as end(y) with what the model's last layer gives, if it is here
    template <class End>
    void forward(std::size_t slot, Batch const* batch, End end) {
        with_index<count>(stage_.first(), [&](auto k) {
            if constexpr (k == 0) forward_from<0>(*batch, slot, end);
            else forward_from<k>(std::move(std::get<k - 1>(activations_)), slot, end);
        });
    }

    /// Takes it back, once the gradient of the next stage has come in, or that of the loss has been written.
    void backward(std::size_t slot) {
        with_index<count>(stage_.last() - 1, [&](auto k) {
            if constexpr (k + 1 == count) backward_from<k>(std::move(loss_gradients_[slot]), slot);
            else backward_from<k>(std::move(std::get<k>(gradients_)), slot);
        });
    }

    output& loss_gradient(std::size_t slot) { return loss_gradients_[slot]; }
    /// The loss has written it, for so many samples.
    void note_loss_gradient(std::size_t slot, std::size_t samples) {
        if (!cuts_.loss.find(samples)) cuts_.loss.add(samples, extents_of(loss_gradients_[slot]), element_size<output>);
    }

    /// Makes the transfers of one round, all with one neighbour.
    /// @param  samples_of  the number of samples of a micro-batch
    /// @throws usage_error  on this rank, when a shape is not what it was for as many samples before
    template <class Comm, class SamplesOf>
    void transfer(Comm& world, std::span<pipeline::task const> round, SamplesOf samples_of) {
        int const peer = round[0].peer_of(world.rank());
        bool const before = peer < world.rank();
        auto& known = before ? cuts_.before : cuts_.behind;
        with_index<count>((before ? stage_.first() : stage_.last()) - 1, [&](auto k) {
            if constexpr (k + 1 < count) {
                auto& x = std::get<k>(activations_);
                auto& dx = std::get<k>(gradients_);
                pipeline::task const *sends = nullptr, *receives = nullptr;
                for (auto const& each : round) (each.receives() ? receives : sends) = &each;
                if (sends) prepare_send(world, *sends, known, x, dx, samples_of(sends->micro_batch), peer);
                if (receives) prepare_receive(world, *receives, known, x, dx, samples_of(receives->micro_batch), peer);
                auto out = span_of(sends && sends->what == pipeline::task::action::send_activation ? x : dx);
                auto in = span_of(receives && receives->what == pipeline::task::action::receive_activation ? x : dx);
                if (sends && receives) exchange(world, out, peer, in, peer);
                else if (sends) send(world, out, peer);
                else receive(world, in, peer);
            }
        });
    }

private:
    template <std::size_t K, class X, class End>
    void forward_from(X&& x, std::size_t slot, End& end) {
        layer_input_t<Model, Batch, K + 1> y = stage_.template layer<K>().forward(std::forward<X>(x), std::get<K>(saved_)[slot]);
        if constexpr (K + 1 == count) end(std::move(y));
        else if (K + 1 == stage_.last()) std::get<K>(activations_) = std::move(y);
        else forward_from<K + 1>(std::move(y), slot, end);
    }

    template <std::size_t K, class Dy>
    void backward_from(Dy&& dy, std::size_t slot) {
        auto& layer = stage_.template layer<K>();
        auto& saved = std::get<K>(saved_)[slot];
        if constexpr (K == 0) {
            layer.backward(std::forward<Dy>(dy), saved);
        } else {
            layer_input_t<Model, Batch, K> dx = layer.backward(std::forward<Dy>(dy), saved);
            if (K == stage_.first()) std::get<K - 1>(gradients_) = std::move(dx);
            else backward_from<K - 1>(std::move(dx), slot);
        }
    }

    /// Sends extents ahead that the peer cannot know; looks whether others are as they were.
    template <class Comm, class X>
    void prepare_send(Comm& world, pipeline::task const& what, known_extents& known, X const& x, X const& dx, std::size_t samples,
                      int peer) {
        bool const forward = what.what == pipeline::task::action::send_activation;
        auto const extents = extents_of(forward ? x : dx);
        auto const* const were = known.of(samples);
        if (!were) {
            send(world, extents, peer);
            known.add(samples, extents, element_size<X>);
        } else if (!std::ranges::equal(*were, extents)) {
            raise<usage_error>({"tutti: ", forward ? "an activation" : "a gradient", " of ", samples, " samples that leaves layer ",
                                forward ? stage_.last() - 1 : stage_.first(), " has the shape ", text(extents), ", not ",
                                text(*were), " as the activation had: shapes may depend on the number of samples alone"});
        }
    }

    template <class Comm, class X>
    void prepare_receive(Comm& world, pipeline::task const& what, known_extents& known, X& x, X& dx, std::size_t samples,
                         int peer) {
        auto const* const were = known.of(samples);
        extents_t<X> extents{};
        if (were && were->size() != extents.size())
            raise<usage_error>({"tutti: what comes over a cut for ", samples, " samples has ", extents.size(), " extents, and had ",
                                were->size(), ": train by batches of one type"});
        if (were) std::ranges::copy(*were, extents.begin());
        else receive(world, extents, peer), known.add(samples, extents, element_size<X>);
        auto& into = what.what == pipeline::task::action::receive_activation ? x : dx;
        resize_to(into, extents);
        if (extents_of(into) != extents)
            raise<usage_error>(
                {"tutti: an activation that was to take the shape ", text(extents), " has the shape ", text(extents_of(into))});
    }

    template <class X>
    static constexpr std::size_t element_size = sizeof(*std::declval<X&>().data());

    template <class Extents>
    static std::string text(Extents const& extents) {
        std::string all = "[";
        for (std::size_t const each : extents) append(all, {all.size() == 1 ? "" : ", ", each});
        return all + "]";
    }

    stage<Model>& stage_;
    cuts_of_stage& cuts_;
    typename types::saved saved_;
    // Behind each layer: of these the ones before and behind the stage are used.
    typename types::activations activations_, gradients_;
    std::vector<output> loss_gradients_;
};

}  // namespace tutti::detail
