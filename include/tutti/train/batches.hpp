#pragma once

#include <tutti/concepts/dataset.hpp>
#include <tutti/concepts/model.hpp>

#include <array>
#include <cstddef>
#include <ranges>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace tutti::detail {

template <class Data>
using sample_t = std::ranges::range_value_t<std::remove_reference_t<Data>>;

template <class Data>
constexpr bool is_dataset() {
    static_assert(dataset<std::remove_reference_t<Data>>, "tutti: the data is neither a random-access range of samples nor a type "
                                                          "with size() and batch(rows); see tutti/concepts/dataset.hpp");
    return true;
}

template <class Data>
auto batch_type() {
    using Range = std::remove_reference_t<Data>;
    if constexpr (batching_dataset<Range>)
        return std::type_identity<std::remove_cvref_t<decltype(std::declval<Range&>().batch(std::span<std::size_t const>{}))>>{};
    else return std::type_identity<selection<Range>>{};
}
/// What a data set makes of rows where the model does not ask for another form.
template <class Data>
using batch_of = typename decltype(batch_type<Data>())::type;

template <class Model, class Data>
constexpr bool trains_on_data() {
    using Range = std::remove_reference_t<Data>;
    if constexpr (batching_dataset<Range>)
        return trains_on<Model, batch_of<Data>>;
    else if constexpr (!range_dataset<Range>) return false;
    else if constexpr (trains_on<Model, batch_of<Data>>) return true;
    else return trains_on<Model, std::span<sample_t<Range> const>>;
}

template <class Model, class Data>
constexpr void require_trains_on() {
    static_assert(
        trains_on_data<Model, Data>(),
        "tutti: the model's loss_and_gradients(batch) must accept this data set's batches and return the mean loss; a range of "
        "samples gives tutti::selection (a range too) or std::span<sample const>; see tutti/concepts/dataset.hpp");
}

template <class Model, class Data>
auto batch_type_for() {
    if constexpr (batching_dataset<Data> || trains_on<Model, batch_of<Data>>) return std::type_identity<batch_of<Data>>{};
    else if constexpr (!trains_on<Model, std::span<sample_t<Data> const>>) return std::type_identity<batch_of<Data>>{};
    else return std::type_identity<std::span<sample_t<Data> const>>{};
}
/// What `batch_maker` makes of rows.
template <class Model, class Data>
using batch_for = typename decltype(batch_type_for<Model, std::remove_reference_t<Data>>())::type;

/// Builds batches of a data set, in the form that the model takes.
template <class Model, class Data>
class batch_maker {
public:
    explicit batch_maker(Data& data) : data_{data} {}

    /// `use(batch)` for the samples [from, to) of `share`.
    template <class Share, class Use>
    auto with(Share const& share, std::size_t from, std::size_t to, Use use) {
        rows_.clear();
        for (std::size_t k = from; k < to; ++k) rows_.push_back(static_cast<std::size_t>(share.row(k)));
        std::span<std::size_t const> const rows{rows_};
        if constexpr (batching_dataset<Data>) {
            auto&& batch = data_.batch(rows);
            return use(batch);
        } else if constexpr (trains_on<Model, selection<Data>> || !trains_on<Model, std::span<sample_t<Data> const>>) {
            return use(selection<Data>{data_, rows});
        } else {
            samples_.clear();
            for (std::size_t const row : rows)
                samples_.push_back(std::ranges::begin(data_)[static_cast<std::ranges::range_difference_t<Data>>(row)]);
            return use(std::span<sample_t<Data> const>{samples_});
        }
    }

private:
    struct nothing {};
    template <class D>
    static auto sample_buffer() {
        if constexpr (range_dataset<D>) return std::vector<sample_t<D>>{};
        else return nothing{};
    }

    Data& data_;
    std::vector<std::size_t> rows_;
    decltype(sample_buffer<Data>()) samples_;
};

/// The mean of a metric over batches of different sizes.
template <class Value>
class mean_of {
    static_assert(std::is_constructible_v<double, Value>,
                  "tutti: a metric must return its mean over the batch that it was given, a number or a std::array of numbers");

public:
    void add(Value batch_mean, std::size_t samples) { sum_[0] += static_cast<double>(batch_mean) * static_cast<double>(samples); }
    std::span<double> sums() { return sum_; }
    double over(std::size_t samples) const { return sum_[0] / static_cast<double>(samples); }

private:
    std::array<double, 1> sum_{};
};

template <class Number, std::size_t N>
class mean_of<std::array<Number, N>> {
public:
    void add(std::array<Number, N> const& batch_mean, std::size_t samples) {
        for (std::size_t i = 0; i < N; ++i) sum_[i] += static_cast<double>(batch_mean[i]) * static_cast<double>(samples);
    }
    std::span<double> sums() { return sum_; }
    std::array<double, N> over(std::size_t samples) const {
        auto mean = sum_;
        for (double& each : mean) each /= static_cast<double>(samples);
        return mean;
    }

private:
    std::array<double, N> sum_{};
};

}  // namespace tutti::detail
