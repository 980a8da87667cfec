#pragma once

#include "splitting.hpp"
#include "staged.hpp"

#include <tutti/partition/columns.hpp>
#include <tutti/partition/rows.hpp>
#include <tutti/tensor/column_parallel.hpp>
#include <tutti/tensor/row_parallel.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

/// A network whose layers are split, whole or in parts, for the laws of tensor parallelism. A column per sample.
namespace laws {

/// Some outputs, from some inputs, of a layer of `whole_in` inputs: its numbers are those of the whole, cut out.
struct linear {
    struct saved {
        sheet x{};
    };
    tutti::slice outputs, inputs;
    std::vector<double> weights, weight_slopes, bias, bias_slopes;  // no bias: none is added

    linear(double seed, tutti::slice to, tutti::slice from, std::size_t whole_in, bool adds)
        : outputs{to},
          inputs{from},
          weight_slopes(to.size() * from.size()),
          bias_slopes(adds ? to.size() : 0) {
        for (std::size_t i = to.first; i < to.last; ++i) {
            if (adds) bias.push_back(std::cos(seed + static_cast<double>(i)) / 4);
            for (std::size_t j = from.first; j < from.last; ++j)
                weights.push_back(std::sin(seed + 3 * static_cast<double>(i * whole_in + j)) / 2);
        }
    }
    auto parameters() { return std::tuple{std::span{weights}, std::span{bias}}; }
    auto gradients() { return std::tuple{std::span{weight_slopes}, std::span{bias_slopes}}; }
    sheet forward(sheet x, saved& kept) const {
        sheet y;
        y.resize({outputs.size(), x.extents[1]});
        for (std::size_t n = 0; n < x.extents[1]; ++n)
            for (std::size_t i = 0; i < outputs.size(); ++i) {
                double sum = bias.empty() ? 0 : bias[i];
                for (std::size_t j = 0; j < inputs.size(); ++j) sum += weights[i * inputs.size() + j] * x.at(j, n);
                y.at(i, n) = sum;
            }
        kept.x = std::move(x);
        return y;
    }
    sheet backward(sheet dy, saved& kept) {
        std::fill(weight_slopes.begin(), weight_slopes.end(), 0);
        std::fill(bias_slopes.begin(), bias_slopes.end(), 0);
        sheet dx;
        dx.resize({inputs.size(), dy.extents[1]});
        for (std::size_t n = 0; n < dy.extents[1]; ++n)
            for (std::size_t i = 0; i < outputs.size(); ++i) {
                if (!bias.empty()) bias_slopes[i] += dy.at(i, n);
                for (std::size_t j = 0; j < inputs.size(); ++j) {
                    weight_slopes[i * inputs.size() + j] += dy.at(i, n) * kept.x.at(j, n);
                    dx.at(j, n) += dy.at(i, n) * weights[i * inputs.size() + j];
                }
            }
        return dx;
    }
    /// The numbers of this part, in those of the whole.
    std::vector<double> cut_from(linear const& whole) const {
        std::vector<double> all;
        for (std::size_t i = outputs.first; i < outputs.last; ++i)
            for (std::size_t j = inputs.first; j < inputs.last; ++j) all.push_back(whole.weights[i * whole.inputs.size() + j]);
        if (!bias.empty())
            for (std::size_t i = outputs.first; i < outputs.last; ++i) all.push_back(whole.bias[i]);
        return all;
    }
};

/// A bias.
struct offset {
    struct saved {};
    std::vector<double> bias, slopes;

    offset(double seed, std::size_t size) : slopes(size) {
        for (std::size_t i = 0; i < size; ++i) bias.push_back(std::sin(seed + static_cast<double>(i)) / 4);
    }
    auto parameters() { return std::span{bias}; }
    auto gradients() { return std::span{slopes}; }
    sheet forward(sheet x, saved&) const {
        for (std::size_t i = 0; i < x.numbers.size(); ++i) x.numbers[i] += bias[i % bias.size()];
        return x;
    }
    sheet backward(sheet dy, saved&) {
        std::fill(slopes.begin(), slopes.end(), 0);
        for (std::size_t i = 0; i < dy.numbers.size(); ++i) slopes[i % bias.size()] += dy.numbers[i];
        return dy;
    }
};

/// Of a sheet with one row.
struct squares_of_row {
    double operator()(sheet const& y, auto const& batch, sheet& dy) const {
        dy = y;
        double sum = 0, share = 1 / static_cast<double>(y.numbers.size());
        std::size_t n = 0;
        for (point const& each : batch) {
            double const error = y.numbers[n] - each.y;
            sum += error * error * share;
            dy.numbers[n++] = 2 * error * share;
        }
        return sum;
    }
};

inline constexpr std::size_t inner = 7, middle = 4, outer = 5;  // few of them divide by the number of ranks

/// The parts of this rank of a group; on one rank, whole layers. A bias behind a sum is the first rank's.
template <class Group>
linear columns_of(Group const& group, double seed, std::size_t out, std::size_t in) {
    return linear{seed, tutti::partition::columns(out, group), {0, in}, in, true};
}
template <class Group>
linear rows_of(Group const& group, double seed, std::size_t out, std::size_t in, bool adds) {
    return linear{seed, {0, out}, tutti::partition::rows(in, group), in, adds && group.rank() == 0};
}

/// Nine layers, of which four are split over a group.
template <class Group>
auto split_layers(Group& group) {
    using tutti::tensor::column_parallel, tutti::tensor::row_parallel;
    return tutti::layers{[] { return spread{}; },
                         [&] {
                             return column_parallel{group, columns_of(group, 1, inner, 3)};
                         },
                         [] { return hyperbolic{}; },
                         [&] {
                             return row_parallel{group, rows_of(group, 2, middle, inner, false)};
                         },
                         [] {
                             return offset{3, middle};
                         },
                         [] { return hyperbolic{}; },
                         [&] {
                             return column_parallel{group, columns_of(group, 4, outer, middle)};
                         },
                         [] { return hyperbolic{}; },
                         [&] {
                             return row_parallel{group, rows_of(group, 5, 1, outer, true)};
                         },
                         squares_of_row{}};
}

/// The same in one piece, over layers that are whole, or split.
template <class Column, class Row>
struct mlp {
    spread first{};
    Column second;
    Row third;
    offset fourth{3, middle};
    Column fifth;
    Row sixth;

    auto parameters() {
        return std::tuple_cat(std::tuple{first.parameters()}, second.parameters(), third.parameters(),
                              std::tuple{fourth.parameters()}, fifth.parameters(), sixth.parameters());
    }
    auto gradients() {
        return std::tuple_cat(std::tuple{first.gradients()}, second.gradients(), third.gradients(), std::tuple{fourth.gradients()},
                              fifth.gradients(), sixth.gradients());
    }
    auto& split_over() requires requires(Column& column) { column.split_over(); }
    { return second.split_over(); }
    static bool is_part(std::size_t block) requires requires(Column& column) { column.split_over(); }
    { return block != 0 && block != 5; }

    double loss_and_gradients(auto const& batch) {
        spread::saved a;
        typename Column::saved b, g;
        typename Row::saved d, i;
        hyperbolic::saved c, f, h;
        offset::saved none;
        auto x = third.forward(hyperbolic::forward(second.forward(first.forward(batch, a), b), c), d);
        x = hyperbolic::forward(fourth.forward(std::move(x), none), f);
        x = sixth.forward(hyperbolic::forward(fifth.forward(std::move(x), g), h), i);
        sheet dy;
        double const loss = squares_of_row{}(x, batch, dy);
        dy = fifth.backward(hyperbolic::backward(sixth.backward(std::move(dy), i), h), g);
        dy = third.backward(fourth.backward(hyperbolic::backward(std::move(dy), f), none), d);
        first.backward(second.backward(hyperbolic::backward(std::move(dy), c), b), a);
        return loss;
    }
};

inline auto whole_mlp() {
    tutti::comm::solo const one{};
    return mlp<linear, linear>{.second = columns_of(one, 1, inner, 3),
                               .third = rows_of(one, 2, middle, inner, false),
                               .fifth = columns_of(one, 4, outer, middle),
                               .sixth = rows_of(one, 5, 1, outer, true)};
}

template <class Group>
auto split_mlp(Group& group) {
    using column = tutti::tensor::column_parallel<Group, linear>;
    using row = tutti::tensor::row_parallel<Group, linear>;
    return mlp<column, row>{.second = column{group, columns_of(group, 1, inner, 3)},
                            .third = row{group, rows_of(group, 2, middle, inner, false)},
                            .fifth = column{group, columns_of(group, 4, outer, middle)},
                            .sixth = row{group, rows_of(group, 5, 1, outer, true)}};
}

}  // namespace laws
