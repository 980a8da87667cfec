#pragma once

#include <tutti/collectives/all_reduce.hpp>
#include <tutti/collectives/broadcast.hpp>
#include <tutti/concepts/block_form.hpp>
#include <tutti/concepts/blocks.hpp>
#include <tutti/concepts/codec.hpp>
#include <tutti/concepts/communicator.hpp>
#include <tutti/concepts/model.hpp>
#include <tutti/concepts/partition.hpp>
#include <tutti/concepts/step_traffic.hpp>
#include <tutti/concepts/synchronisation.hpp>
#include <tutti/train/agreement.hpp>
#include <tutti/train/deal.hpp>
#include <tutti/train/stage.hpp>
#include <tutti/train/together.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace tutti {

/// The ranks that have the same stage of a model, of which there are several copies, and what they exchange: an axis of a mesh across
/// the stages, and a synchronisation policy. The last argument of `model_parallel_trainer`.
/// `.batch` samples of a step are dealt over the copies, each of which takes its share through its stages.
template <class Comm, class Sync>
struct replicas {
    static_assert(communicator<Comm>, "tutti: replicas{group, policy}: group is no communicator; that of an axis of a mesh is "
                                      "grid.along(name); see tutti/comm/mesh.hpp");
    static_assert(synchronisation<Sync, Comm>, "tutti: replicas{group, policy}: policy is no synchronisation policy, such as "
                                               "tutti::sync::all_reduce; see tutti/concepts/synchronisation.hpp");

    Comm& group;  ///< must outlive the trainer
    Sync sync{};
};
template <class Comm, class Sync>
replicas(Comm&, Sync) -> replicas<Comm, Sync>;

namespace detail {

/// A model of which there is one copy.
struct one_copy {};

namespace arguments_of {
struct replicas { std::uint64_t bits; };
}  // namespace arguments_of

/// The parameters, or the gradients, of all layers of a stage, as a policy goes through them.
template <class Model, class Get>
struct blocks_of_stage {
    stage<Model>& mine;
    Get get;

    template <class Visit>
    void visit_blocks(Visit&& visit) const {
        mine.for_each_learning([&](auto& layer, auto) { for_each_block(get(layer), visit); });
    }
};

template <class Replicas>
inline constexpr bool is_replicas = std::is_same_v<Replicas, one_copy>;
template <class Comm, class Sync>
inline constexpr bool is_replicas<replicas<Comm, Sync>> = true;

/// What one rank's stage has to do with its copies.
template <class Replicas>
class bound_replicas;

template <>
class bound_replicas<one_copy> {
public:
    explicit bound_replicas(one_copy) {}

    static constexpr int rank() { return 0; }
    static constexpr int size() { return 1; }
    static void bind() {}
    template <class Check>
    void with_group(Check) {}
    template <class Model>
    void begin(stage<Model>&) {}
    template <class Model>
    double contribute(stage<Model>&, double) { return 1; }
    template <class Model>
    void publish(stage<Model>&) {}
    void add_up(std::span<double>) {}
    static step_traffic traffic(std::span<block_form const>) { return {}; }
    static std::size_t memory(std::span<block_form const>) { return 0; }
};

template <class Comm, class Sync>
class bound_replicas<replicas<Comm, Sync>> {
    using bound = typename Sync::template bound<Comm>;
    using blocks = std::vector<std::span<float>>;
    static_assert(!divides_update<Sync>, "tutti: replicas{group, policy}: the policy lets each rank update a part of the parameters, "
                                         "and a stage is updated as a whole; use tutti::sync::all_reduce or every_n_steps");
    static_assert(!requires(bound& state, blocks& all) { state.late(all); } && !requires(bound& state, blocks& all) { state.begin(all, 1.0); },
                  "tutti: replicas{group, policy}: the policy exchanges while a rank is elsewhere, and the micro-batches of a stage "
                  "leave no gradient final before the last; use tutti::sync::all_reduce or every_n_steps");
    static_assert(!needs_shapes<Sync>, "tutti: replicas{group, policy}: the policy makes matrices smaller, and layers do not say which "
                                       "of their blocks are; take a codec that needs no shapes, such as tutti::sync::codec::top_k");

public:
    explicit bound_replicas(replicas<Comm, Sync> const& settings) : group_{&settings.group}, settings_{settings.sync} {}

    /// Builds the policy's state. Collective.
    /// @throws usage_error  on every rank, what the policy refuses
    void bind() { sync_.emplace(*group_, settings_); }

    int rank() const { return group_->rank(); }
    int size() const { return group_->size(); }

    /// Calls check(group), which compares what copies bring.
    template <class Check>
    void with_group(Check check) { check(*group_); }

    /// Gives all copies the parameters of the first. Collective.
    /// @throws usage_error  on every rank, when blocks differ
    template <class Model>
    void begin(stage<Model>& mine) {
        std::vector<std::size_t> sizes;
        auto const forms = forms_of_stage(mine);
        for (auto const& each : forms) sizes.push_back(each.count());
        agree<arguments_of::replicas>(*group_, "the copies of a stage",
                                      {agreed::hash("the list of block sizes", fingerprint(std::span{sizes.data(), sizes.size()}))});
        if (size() > 1) parameters(mine).visit_blocks([&](auto block) { broadcast(*group_, block, 0); });
        if constexpr (requires { sync_->prepare(forms); }) sync_->prepare(forms);
    }
    /// The gradients of this copy's samples, whose share of the batch is `weight`, are ready. Returns what those that are left in the
    /// layers are to be multiplied by.
    template <class Model>
    double contribute(stage<Model>& mine, double weight) {
        if (weight == 0) gradients(mine).visit_blocks([](auto block) {
            for (auto& each : block) each = 0;
        });
        auto const all = gradients(mine);
        if constexpr (std::is_void_v<decltype(sync_->contribute(all, weight))>) {
            sync_->contribute(all, weight);
            return 1;
        } else {
            return sync_->contribute(all, weight);
        }
    }
    template <class Model>
    void publish(stage<Model>& mine) { sync_->publish(parameters(mine)); }
    /// Sums over the copies.
    void add_up(std::span<double> numbers) {
        if (size() > 1) all_reduce(*group_, numbers);
    }

    /// What a step hands to the copies' group, as the policy's formula says of a stage with these blocks. Local.
    step_traffic traffic(std::span<block_form const> forms) const {
        static_assert(
            requires(bound const& sync) { sync.traffic(forms); },
            "tutti: traffic() needs a synchronisation policy whose bound has traffic(blocks); see "
            "tutti/concepts/synchronisation.hpp");
        return sync_->traffic(forms);
    }
    /// Bytes that the policy keeps for such a stage. Local.
    std::size_t memory(std::span<block_form const> forms) const {
        static_assert(
            requires(bound const& sync) { sync.memory(forms); },
            "tutti: memory() needs a synchronisation policy whose bound has memory(blocks); see "
            "tutti/concepts/synchronisation.hpp");
        return sync_->memory(forms);
    }

private:
    template <class Model>
    static auto parameters(stage<Model>& mine) { return blocks_of_stage<Model, decltype(parameters_of)>{mine, parameters_of}; }
    template <class Model>
    static auto gradients(stage<Model>& mine) { return blocks_of_stage<Model, decltype(gradients_of)>{mine, gradients_of}; }

    Comm* group_;
    Sync settings_;
    std::optional<bound> sync_;  // once it is bound
};

}  // namespace detail
}  // namespace tutti
