#pragma once

#include <tutti/train/replicas.hpp>
#include <tutti/train/split_stage.hpp>
#include <tutti/train/stage.hpp>
#include <tutti/train/together.hpp>

#include <cstdint>
#include <exception>
#include <string>

namespace tutti::detail {

namespace arguments_of {
struct model_parallel_trainer { std::uint64_t bits; };
}  // namespace arguments_of

/// Whom a rank with one stage of a model meets: the other stages, those that have other parts of its layers, and other copies of it. What
/// one rank refuses is told along each of these axes.
template <class Comm, class Model, class Replicas>
class stage_peers {
public:
    stage_peers(Comm& world, stage<Model>& mine, bound_replicas<Replicas>& copies) : world_{world}, mine_{mine}, copies_{copies} {}

    template <class Group>
    bool is_world(Group const& group) const {
        return static_cast<void const*>(&group) == &world_;
    }

    /// Does what may throw while any of them waits for this rank: ends all groups then.
    template <class Act>
    void while_peers_wait(Act act) {
        or_end(
            [&](std::string const& text) {
                with_split_groups(mine_, [&](auto& group) { group.abort(text); });
                copies_.with_group([&](auto& group) {
                    if (group.size() > 1) group.abort(text);
                });
                if (world_.size() > 1) world_.abort(text);
            },
            act);
    }

    /// Acts on every rank; where one refuses, so do all. Collective.
    template <class Act>
    void together(Act act) {
        std::exception_ptr refusal;
        while_peers_wait([&] { keep_refusal(refusal, act); });
        tell_refusal(refusal);
    }
    /// Compares, by check(group), what must be equal between stages and between parts of their layers. Collective.
    template <class Check>
    void agree_along_copy(Check check) {
        std::exception_ptr refusal;
        keep_along_copy(refusal, check);
        tell_refusal(refusal);
    }
    /// The same, and between copies.
    template <class Check>
    void agree(Check check) {
        std::exception_ptr refusal;
        keep_along_copy(refusal, check);
        copies_.with_group([&](auto& group) { keep_refusal(refusal, [&] { check(group); }); });
        tell_refusal(refusal);
    }
    /// Lets what any rank knows reach all ranks that work on the same copy, by tell(group) on one group after another. Collective.
    template <class Tell>
    void tell_copy(Tell tell) {
        tell(world_);
        with_split_groups(mine_, tell);
        tell(world_);  // stages without such layers hear of it from others
    }
    /// Makes what this rank has refused, or any other, a refusal of all. Collective.
    void tell_refusal(std::exception_ptr& refusal) {
        using argument = arguments_of::model_parallel_trainer;
        tell_copy([&](auto& group) { detail::tell_refusal<argument>(group, refusal); });
        copies_.with_group([&](auto& group) { detail::tell_refusal<argument>(group, refusal); });
        if (refusal) std::rethrow_exception(refusal);
    }

private:
    template <class Check>
    void keep_along_copy(std::exception_ptr& refusal, Check& check) {
        keep_refusal(refusal, [&] { check(world_); });
        with_split_groups(mine_, [&](auto& group) { keep_refusal(refusal, [&] { check(group); }); });
    }

    Comm& world_;
    stage<Model>& mine_;
    bound_replicas<Replicas>& copies_;
};

}  // namespace tutti::detail
