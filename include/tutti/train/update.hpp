#pragma once

#include <tutti/concepts/blocks.hpp>
#include <tutti/concepts/optimizer.hpp>
#include <tutti/concepts/synchronisation.hpp>
#include <tutti/detail/copy_bytes.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>
#include <tutti/sync/block_store.hpp>
#include <tutti/sync/device_work.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace tutti::detail {

/// Up to two numbers of state per owned parameter.
struct optimizer_slots {
    int count = 0;
    std::array<block_store, 2> stores;
};

/// @throws usage_error  unless `slots` is 0, 1 or 2
template <class Parameters>
optimizer_slots optimizer_state(Parameters&& parameters, slice owned, int slots) {
    check_slots(slots);
    optimizer_slots state{slots, {}};
    for (std::size_t k = 0; k < static_cast<std::size_t>(slots); ++k) state.stores[k] = block_store{parameters, owned};
    return state;
}

/// Calls `visit(span)` for the part of every block that lies in `owned`.
template <class Blocks, class Visit>
void for_each_owned(Blocks&& blocks, slice owned, Visit visit) {
    std::size_t offset = 0;
    for_each_block(blocks, [&](auto block) {
        auto const part = part_of_block(owned, offset, block.size());
        offset += block.size();
        visit(block.subspan(part.first, part.size()));
    });
}

/// Maps one step's update over parameters, gradients, each as `gradient` gives it, and state.
template <class Update, class T, class Gradient>
void map_update(Update const& update, std::span<T> x, Gradient gradient, T* first, T* second, int slots) {
    with_slots<Update, T>(slots, first, second, [&, n = x.size(), p = x.data()](auto... kept) {
        for (std::size_t i = 0; i < n; ++i) update(p[i], gradient(i), kept[i]...);
    });
}

/// Moves the owned parameters by one step, along the gradients multiplied by `factor`.
template <class Optimizer, class Parameters, class Gradients>
void update_parameters(Optimizer const& rule, std::int64_t step, Parameters&& parameters, Gradients&& gradients, double factor,
                       slice owned, optimizer_slots& state) {
    std::size_t offset = 0, index = 0;
    for_each_block_pair(parameters, gradients, [&](auto x, auto g) {
        using T = std::remove_cv_t<typename decltype(x)::element_type>;
        static_assert(optimizer<Optimizer, T>,
                      "tutti: the optimiser cannot move parameters of this type; tutti's own move float, double and long double; see "
                      "tutti/concepts/optimizer.hpp");
        auto const part = part_of_block(owned, offset, x.size());
        auto slot = [&](std::size_t k) {
            return static_cast<int>(k) < state.count ? state.stores[k].template block<T>(index) : nullptr;
        };
        auto map = [&](auto gradient) {
            map_update(rule.template at<T>(step), x.subspan(part.first, part.size()), gradient, slot(0), slot(1), state.count);
        };
        T const* const from = g.data() + part.first;
        if (part.size() == 0) {
        } else if (factor == 1) {
            map([from](std::size_t i) { return from[i]; });
        } else {
            map([from, by = static_cast<T>(factor)](std::size_t i) { return static_cast<T>(from[i] * by); });
        }
        offset += x.size(), ++index;
    });
}

/// The sum of squares of the owned elements, in double precision, of those blocks that `counts(block number)`.
template <class Blocks, class Counts>
double sum_of_squares(Blocks&& blocks, slice owned, Counts counts) {
    double sum = 0;
    std::size_t index = 0;
    for_each_owned(blocks, owned, [&](auto block) {
        if (!counts(index++)) return;
        for (auto const g : block) sum += static_cast<double>(g) * static_cast<double>(g);
    });
    return sum;
}
template <class Blocks>
double sum_of_squares(Blocks&& blocks, slice owned) {
    return sum_of_squares(blocks, owned, [](std::size_t) { return true; });
}

/// Makes room for sums of gradients, or zeros of what is there.
template <class Gradients>
void clear_sums(block_store& sums, Gradients&& gradients) {
    if (sums.empty()) sums = block_store{gradients, slice{0, std::numeric_limits<std::size_t>::max()}};
    else sums.clear();
}

/// sums += weight * blocks
template <class Blocks>
void add_weighted(block_store const& sums, Blocks&& blocks, double weight) {
    std::size_t index = 0;
    for_each_block(blocks, [&](auto block) {
        using T = typename decltype(block)::value_type;
        T* const sum = sums.block<T>(index++);
        for (std::size_t i = 0; i < block.size(); ++i) sum[i] += static_cast<T>(weight) * block[i];
    });
}

template <class Blocks>
void copy_blocks(block_store const& from, Blocks&& to) {
    std::size_t index = 0;
    for_each_block(to, [&](auto block) {
        using T = typename decltype(block)::value_type;
        copy_bytes(block.data(), from.block<T>(index++), block.size_bytes());
    });
}

/// What a trainer does with the blocks of a model in host memory; `device_work` is its twin.
template <class Comm>
struct host_work {
    using state = optimizer_slots;
    using store = block_store;
    using bytes = std::span<std::byte>;

    template <class T>
    static void clear(Comm& /*world*/, std::span<T> block) {
        std::fill(block.begin(), block.end(), T{});
    }
    template <class Parameters>
    static state make_state(Comm& /*world*/, Parameters&& parameters, slice owned, int slots) {
        return optimizer_state(parameters, owned, slots);
    }
    static std::vector<bytes> bytes_of(Comm& /*world*/, state& kept) {
        std::vector<bytes> all;
        for (auto const& each : kept.stores)
            for (auto const block : each.bytes()) all.push_back(block);
        return all;
    }
    template <class Gradients>
    static void clear_sums(Comm& /*world*/, store& sums, Gradients&& gradients) {
        detail::clear_sums(sums, gradients);
    }
    template <class Gradients>
    static void add_weighted(Comm& /*world*/, store& sums, Gradients&& gradients, double weight) {
        detail::add_weighted(sums, gradients, weight);
    }
    template <class Gradients>
    static void copy_sums(Comm& /*world*/, store& sums, Gradients&& gradients) {
        copy_blocks(sums, gradients);
    }
    template <class Optimizer, class Parameters, class Gradients>
    static void update(Comm& /*world*/, Optimizer const& rule, std::int64_t step, Parameters&& parameters, Gradients&& gradients,
                       double factor, slice owned, state& kept) {
        update_parameters(rule, step, parameters, gradients, factor, owned, kept);
    }
    template <class Gradients, class Counts>
    static double sum_of_squares(Comm& /*world*/, Gradients&& gradients, slice owned, Counts counts, state& /*kept*/) {
        return detail::sum_of_squares(gradients, owned, counts);
    }
    static std::size_t room_for_norms(state const& /*kept*/) { return 0; }
    template <class Blocks>
    static std::uint64_t fingerprint(Comm& /*world*/, Blocks&& blocks) {
        return detail::fingerprint(blocks);
    }
};

/// Who works on a model's blocks, by where they are.
template <class Comm, bool on_device>
struct work_of {
    using type = host_work<Comm>;
};
template <class Comm>
struct work_of<Comm, true> : required_device_work<Comm> {};

}  // namespace tutti::detail
