#pragma once

#include "backends.hpp"

#include <tutti/comm/solo.hpp>
#include <tutti/partition/strided.hpp>
#include <tutti/sync/all_reduce.hpp>
#include <tutti/train/data_parallel_trainer.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

/// Small models and data for the laws of trainers.
namespace laws {

struct point {
    double x, y;
};

/// y = a x + b under the mean of squares.
template <class T>
struct line {
    std::array<T, 2> weights{}, slopes{};

    auto parameters() { return std::span{weights}; }
    auto gradients() { return std::span{slopes}; }
    T loss(auto const& batch) const {
        T sum = 0;
        for (point const& each : batch) sum += error(each) * error(each);
        return sum / static_cast<T>(batch.size());
    }
    T loss_and_gradients(auto const& batch) {
        slopes = {};
        for (point const& each : batch) {
            slopes[0] += 2 * error(each) * static_cast<T>(each.x);
            slopes[1] += 2 * error(each);
        }
        for (T& slope : slopes) slope /= static_cast<T>(batch.size());
        return loss(batch);
    }

private:
    T error(point const& each) const { return weights[0] * static_cast<T>(each.x) + weights[1] - static_cast<T>(each.y); }
};

/// y = sum_k c_k tanh(a_k x + b_k) + d, in blocks of three shapes, under the mean of squares.
template <class T>
struct network {
    static constexpr std::size_t hidden = 5;
    struct numbers {
        std::array<std::array<T, hidden>, 2> inner{};   // a, b
        std::vector<T> outer = std::vector<T>(hidden);  // c
        std::array<T, 1> offset{};                      // d

        auto blocks() {
            return std::tuple{std::array{std::span{inner[0]}, std::span{inner[1]}}, std::span{outer}, std::span{offset}};
        }
    };
    numbers now, slope;

    /// Starts where `shift` says; the same weights for the same shift.
    explicit network(double shift = 0) {
        for (std::size_t k = 0; k < hidden; ++k) {
            auto const u = static_cast<double>(k);
            now.inner[0][k] = static_cast<T>(std::sin(1 + u) + shift);
            now.inner[1][k] = static_cast<T>(std::sin(11 + 2 * u) / 2);
            now.outer[k] = static_cast<T>(std::cos(3 * u) / 2 + shift);
        }
    }
    auto parameters() { return now.blocks(); }
    auto gradients() { return slope.blocks(); }

    T loss_and_gradients(auto const& batch) {
        slope = {};
        T sum = 0;
        T const share = 1 / static_cast<T>(batch.size());
        for (point const& each : batch) {
            T const x = static_cast<T>(each.x);
            std::array<T, hidden> h;
            T error = now.offset[0] - static_cast<T>(each.y);
            for (std::size_t k = 0; k < hidden; ++k) {
                h[k] = std::tanh(now.inner[0][k] * x + now.inner[1][k]);
                error += now.outer[k] * h[k];
            }
            sum += error * error * share;
            slope.offset[0] += 2 * error * share;
            for (std::size_t k = 0; k < hidden; ++k) {
                slope.outer[k] += 2 * error * h[k] * share;
                T const back = 2 * error * now.outer[k] * (1 - h[k] * h[k]) * share;
                slope.inner[0][k] += back * x;
                slope.inner[1][k] += back;
            }
        }
        return sum;
    }
};

/// A data set whose batches are the numbers of their rows.
struct numbered {
    std::size_t count;

    std::size_t size() const { return count; }
    std::vector<std::size_t> batch(std::span<std::size_t const> rows) const { return {rows.begin(), rows.end()}; }
};

/// A model that notes the rows of every batch it is shown.
struct recorder {
    std::array<double, 1> parameter{}, gradient{};
    std::vector<std::vector<std::size_t>> batches{};

    auto parameters() { return std::span{parameter}; }
    auto gradients() { return std::span{gradient}; }
    double loss_and_gradients(std::vector<std::size_t> const& rows) {
        batches.push_back(rows);
        gradient[0] = 1;
        return 1;
    }
};

/// Points of a wave, on [-1, 1].
inline std::vector<point> wave(std::size_t size) {
    std::vector<point> data;
    for (std::size_t i = 0; i < size; ++i) {
        double const x = size == 1 ? 0.5 : 2 * static_cast<double>(i) / static_cast<double>(size - 1) - 1;
        data.push_back({x, std::sin(3 * x) + 0.25 * std::cos(17 * static_cast<double>(i))});
    }
    return data;
}

/// All parameters of a model, one after the other.
template <class Blocks>
void append_all(Blocks&& blocks, std::vector<double>& all) {
    if constexpr (
        requires { std::tuple_size<std::remove_cvref_t<Blocks>>::value; } && !requires { blocks.data(); })
        std::apply([&](auto&&... each) { (append_all(each, all), ...); }, blocks);
    else
        for (auto&& each : blocks)
            if constexpr (std::is_arithmetic_v<std::remove_cvref_t<decltype(each)>>) all.push_back(static_cast<double>(each));
            else append_all(each, all);
}
template <class Model>
std::vector<double> values_of(Model& model) {
    std::vector<double> all;
    append_all(model.parameters(), all);
    return all;
}

/// What the parameters are after some epochs.
template <class Comm, class Model, class Partition, class Optimizer, class Data>
std::vector<double> trained(Comm& world, Model model, Partition partition, Optimizer optimizer, Data const& data,
                            tutti::epoch_options const& options, int epochs = 1) {
    tutti::data_parallel_trainer trainer{world, std::move(model), std::move(partition), tutti::sync::all_reduce{},
                                         std::move(optimizer)};
    for (int epoch = 0; epoch < epochs; ++epoch) trainer.run_epoch(data, options);
    return values_of(trainer.model());
}

/// The same on one rank: what every number of ranks is compared with.
template <class Model, class Partition, class Optimizer, class Data>
std::vector<double> trained_alone(Model model, Partition partition, Optimizer optimizer, Data const& data,
                                  tutti::epoch_options const& options, int epochs = 1) {
    tutti::comm::solo own;
    erased<tutti::comm::solo> any{own};
    return trained(static_cast<any_communicator&>(any), std::move(model), std::move(partition), std::move(optimizer), data, options, epochs);
}

inline double largest_difference(std::vector<double> const& a, std::vector<double> const& b) {
    double worst = a.size() == b.size() ? 0 : INFINITY;
    for (std::size_t i = 0; i < a.size() && i < b.size(); ++i)
        if (!(std::abs(a[i] - b[i]) <= worst)) worst = std::abs(a[i] - b[i]);
    return worst;
}

}  // namespace laws
