#pragma once

#include <concepts>
#include <cstddef>
#include <ranges>
#include <span>

namespace tutti {

/// Has `size()`, and `batch(rows)` that builds a batch of the user's own type from row numbers. Ranks that are threads may
/// share one object: `batch` must then be safe to call from several at once.
template <class Data>
concept batching_dataset = requires(Data& data, std::span<std::size_t const> rows) {
    { data.size() } -> std::convertible_to<std::size_t>;
    data.batch(rows);
};

/// A random-access range of samples.
template <class Data>
concept range_dataset = !batching_dataset<Data> && std::ranges::random_access_range<Data> && std::ranges::sized_range<Data>;

/// What a trainer goes through: samples with a number each.
template <class Data>
concept dataset = batching_dataset<Data> || range_dataset<Data>;

/// Some rows of a range of samples, without copying them: what a model sees as its batch. Valid during the call it is passed to.
template <std::ranges::random_access_range Data>
class selection {
public:
    class iterator {
    public:
        using value_type = std::ranges::range_value_t<Data>;
        using reference = std::ranges::range_reference_t<Data>;
        using difference_type = std::ptrdiff_t;
        using iterator_category = std::input_iterator_tag;
        using iterator_concept = std::random_access_iterator_tag;

        iterator() = default;
        iterator(std::ranges::iterator_t<Data> data, std::size_t const* row) : data_{data}, row_{row} {}
        reference operator*() const { return data_[static_cast<std::ranges::range_difference_t<Data>>(*row_)]; }
        reference operator[](difference_type n) const { return *(*this + n); }
        iterator& operator++() { return *this += 1; }
        iterator operator++(int) { auto const was = *this; ++*this; return was; }
        iterator& operator--() { return *this -= 1; }
        iterator operator--(int) { auto const was = *this; --*this; return was; }
        iterator& operator+=(difference_type n) { row_ += n; return *this; }
        iterator& operator-=(difference_type n) { row_ -= n; return *this; }
        friend iterator operator+(iterator it, difference_type n) { return it += n; }
        friend iterator operator+(difference_type n, iterator it) { return it += n; }
        friend iterator operator-(iterator it, difference_type n) { return it -= n; }
        friend difference_type operator-(iterator const& a, iterator const& b) { return a.row_ - b.row_; }
        friend bool operator==(iterator const& a, iterator const& b) { return a.row_ == b.row_; }
        friend auto operator<=>(iterator const& a, iterator const& b) { return a.row_ <=> b.row_; }

    private:
        std::ranges::iterator_t<Data> data_{};
        std::size_t const* row_ = nullptr;
    };

    selection(Data& data, std::span<std::size_t const> rows) : data_{std::ranges::begin(data)}, rows_{rows} {}

    std::size_t size() const { return rows_.size(); }
    bool empty() const { return rows_.empty(); }
    iterator begin() const { return {data_, rows_.data()}; }
    iterator end() const { return {data_, rows_.data() + rows_.size()}; }
    std::ranges::range_reference_t<Data> operator[](std::size_t i) const { return begin()[static_cast<std::ptrdiff_t>(i)]; }
    /// The numbers of the samples.
    std::span<std::size_t const> rows() const { return rows_; }

private:
    std::ranges::iterator_t<Data> data_;
    std::span<std::size_t const> rows_;
};

}  // namespace tutti
