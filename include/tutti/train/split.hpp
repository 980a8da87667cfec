#pragma once

#include <tutti/collectives/all_reduce.hpp>
#include <tutti/concepts/blocks.hpp>
#include <tutti/concepts/model.hpp>
#include <tutti/concepts/split_parameters.hpp>
#include <tutti/train/together.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <vector>

namespace tutti::detail {

/// Whether a model or layer says that its parameters are split over a group.
template <class Model>
constexpr bool is_split() {
    constexpr bool says =
        requires(Model& model) { model.split_over(); } || requires(Model& model) { model.is_part(std::size_t{}); };
    static_assert(
        !says || has_split_parameters<Model>,
        "tutti: a model or layer whose parameters are split over a group needs both split_over(), which gives the group by "
        "reference, and is_part(k), whether block k of its parameters is a part; see tutti/concepts/split_parameters.hpp");
    return says && has_split_parameters<Model>;
}

/// Whether the norm counts this rank's copy of a block: of what all ranks of the group have, only the first rank's.
template <class Model>
bool counts_block(Model& model, std::size_t block) {
    if constexpr (is_split<Model>()) return model.is_part(block) || model.split_over().rank() == 0;
    else return true;
}

/// The sum over the model's group of what its ranks count; equal on all of them, bit for bit. Collective, if it is split.
template <class Model>
double sum_of_parts(Model& model, double mine) {
    if constexpr (is_split<Model>())
        if (model.split_over().size() > 1) return all_reduce(model.split_over(), mine);
    return mine;
}

/// `use(group)`, if the model is split over more than one rank.
template <class Model, class Use>
void with_split_group(Model& model, Use use) {
    if constexpr (is_split<Model>())
        if (model.split_over().size() > 1) use(model.split_over());
}
/// What a rank of the world refuses, or of a group that the model is split over, all ranks of both do: `check(group)` compares what
/// must be equal in each. Collective.
template <class Argument, class Comm, class Model, class Check>
void agree_with_parts(Comm& world, Model& model, Check check) {
    if constexpr (is_split<Model>()) {
        std::exception_ptr refusal;
        keep_refusal(refusal, [&] { check(world); });
        with_split_group(model, [&](auto& group) { keep_refusal(refusal, [&] { check(group); }); });
        tell_refusal<Argument>(world, refusal);
        with_split_group(model, [&](auto& group) { tell_refusal<Argument>(group, refusal); });
        if (refusal) std::rethrow_exception(refusal);
    } else {
        check(world);
    }
}

/// A hash of the parameters that all ranks of the group have.
template <class Model>
std::uint64_t fingerprint_of_copies(Model& model) {
    std::vector<std::uint64_t> all;
    std::size_t index = 0;
    for_each_block(parameters_of(model), [&](auto block) {
        bool part = false;
        if constexpr (is_split<Model>()) part = model.is_part(index);
        if (!part) all.push_back(fingerprint(block));
        ++index;
    });
    return fingerprint(std::span{all});
}

}  // namespace tutti::detail
