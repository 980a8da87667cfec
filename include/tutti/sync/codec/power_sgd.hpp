#pragma once

#include <tutti/collectives/all_reduce.hpp>
#include <tutti/concepts/block_form.hpp>
#include <tutti/concepts/step_traffic.hpp>
#include <tutti/detail/hash.hpp>
#include <tutti/detail/room.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/detail/to_text.hpp>
#include <tutti/error.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

namespace tutti::sync::codec {

/// A matrix M of gradients travels as P Q^T of low rank: P = M Q, summed over ranks and made orthonormal, then Q = M^T P, summed;
/// each step begins with the last one's Q. Vectors, and matrices that it would hardly make smaller, are summed exactly. Needs a
/// model with `shapes()`. Meant to be used with `error_feedback`, and better after some exact steps: `compressed{codec, warm_up}`.
/// Cost:   two all_reduce of rank (rows + columns) numbers in all per matrix; as many numbers in memory; 6 rank rows columns
///         operations
/// Order:  rank order: sums are equal on all ranks, and what follows from them is computed on each alike
/// Source: Vogels et al. 2019, arXiv:1905.13727, algorithms 1 and 2
struct power_sgd {
    static constexpr bool needs_shapes = true;

    int rank = 1;         ///< columns of P and Q, >= 1; the sides of the matrix at most
    double at_least = 2;  ///< >= 0; a matrix goes exactly unless this makes it more than so many times smaller

    /// Columns of P and Q for such a block; 0 where it goes exactly.
    std::size_t rank_of(block_shape const& shape) const {
        if (shape.rows < 2 || shape.columns < 2) return 0;
        std::size_t const r = std::min({static_cast<std::size_t>(rank), shape.rows, shape.columns});
        double const sent = static_cast<double>(r) * static_cast<double>(shape.rows + shape.columns);
        return sent * at_least < static_cast<double>(shape.rows) * static_cast<double>(shape.columns) ? r : 0;
    }

    void check() const {
        using tutti::detail::raise;
        if (rank < 1) raise<usage_error>({"tutti: codec::power_sgd: rank = ", rank, " must be at least 1"});
        if (!(at_least >= 0))
            raise<usage_error>(
                {"tutti: codec::power_sgd: at_least = ", tutti::detail::to_text(at_least), " cannot be negative"});
    }
    std::array<double, 2> settings() const { return {static_cast<double>(rank), at_least}; }
    step_traffic traffic(block_form const& block, int /*ranks*/) const {
        step_traffic sum;
        std::size_t const factors = factors_of(block);
        sum.add(collective::all_reduce, static_cast<double>(factors != 0 ? factors : block.bytes()));
        return sum;
    }
    std::size_t memory(block_form const& block, int /*ranks*/) const { return factors_of(block); }

    class state {
    public:
        state(power_sgd const& settings, block_form const& block, int /*ranks*/)
            : r_{settings.rank_of(block.shape)},
              shape_{block.shape},
              p_{r_ * shape_.rows, block.number},
              q_{r_ * shape_.columns, block.number} {}

        template <class Comm, class T>
        void exchange(Comm& world, std::span<T> numbers, std::span<T> rest) {
            if (r_ == 0) {
                tutti::all_reduce(world, numbers);
                for (T& each : rest) each = 0;
                return;
            }
            auto const p = p_.as<T>(), q = q_.as<T>();
            renew(q);
            multiply<T>(numbers, q, p);
            tutti::all_reduce(world, p);
            make_orthonormal(p);
            multiply_transposed<T>(numbers, p, q);
            if (!rest.empty()) {
                product<T>(p, q, rest);
                for (std::size_t i = 0; i < rest.size(); ++i) rest[i] = numbers[i] - rest[i];
            }
            tutti::all_reduce(world, q);
            product<T>(p, q, numbers);
        }

    private:
        /// Gives columns that are all zeros, as at first, numbers between -1 and 1, the same on all ranks: else M Q would be zeros.
        template <class T>
        void renew(std::span<T> q) const {
            for (std::size_t c = 0; c < r_; ++c) {
                bool zeros = true;
                for (std::size_t at = c; at < q.size(); at += r_) zeros = zeros && q[at] == 0;
                for (std::size_t at = c; zeros && at < q.size(); at += r_)
                    q[at] = static_cast<T>(static_cast<double>(tutti::detail::mixed(at + 1) >> 11) * 0x1p-52 - 1);
            }
        }
        /// p = m q
        template <class T>
        void multiply(std::span<T const> m, std::span<T const> q, std::span<T> p) const {
            std::fill(p.begin(), p.end(), T{0});
            for (std::size_t i = 0, at = 0; i < shape_.rows; ++i)
                for (std::size_t j = 0; j < shape_.columns; ++j, ++at)
                    for (std::size_t c = 0; c < r_; ++c) p[i * r_ + c] += m[at] * q[j * r_ + c];
        }
        /// q = m^T p
        template <class T>
        void multiply_transposed(std::span<T const> m, std::span<T const> p, std::span<T> q) const {
            std::fill(q.begin(), q.end(), T{0});
            for (std::size_t i = 0, at = 0; i < shape_.rows; ++i)
                for (std::size_t j = 0; j < shape_.columns; ++j, ++at)
                    for (std::size_t c = 0; c < r_; ++c) q[j * r_ + c] += m[at] * p[i * r_ + c];
        }
        /// m = p q^T
        template <class T>
        void product(std::span<T const> p, std::span<T const> q, std::span<T> m) const {
            for (std::size_t i = 0, at = 0; i < shape_.rows; ++i)
                for (std::size_t j = 0; j < shape_.columns; ++j, ++at) {
                    T sum = 0;
                    for (std::size_t c = 0; c < r_; ++c) sum += p[i * r_ + c] * q[j * r_ + c];
                    m[at] = sum;
                }
        }
        /// Gram and Schmidt's, twice over; a column that depends on those before it becomes zeros. One with a NaN keeps it.
        template <class T>
        void make_orthonormal(std::span<T> p) const {
            auto dot = [&](std::size_t a, std::size_t b) {
                double sum = 0;
                for (std::size_t at = 0; at < p.size(); at += r_)
                    sum += static_cast<double>(p[at + a]) * static_cast<double>(p[at + b]);
                return sum;
            };
            auto scale = [&](std::size_t c, double by) {
                for (std::size_t at = c; at < p.size(); at += r_) p[at] = static_cast<T>(static_cast<double>(p[at]) * by);
            };
            for (std::size_t c = 0; c < r_; ++c) {
                double const before = std::sqrt(dot(c, c));
                for (int turn = 0; turn < 2; ++turn) {
                    for (std::size_t d = 0; d < c; ++d) {
                        double const along = dot(c, d);
                        for (std::size_t at = 0; at < p.size(); at += r_)
                            p[at + c] -= static_cast<T>(along * static_cast<double>(p[at + d]));
                    }
                    double const length = std::sqrt(dot(c, c));
                    bool const depends = length == 0 || (turn == 0 && length <= 4 * std::numeric_limits<T>::epsilon() * before);
                    scale(c, depends ? 0 : 1 / length);
                    if (depends) break;
                }
            }
        }

        std::size_t r_;
        block_shape shape_;
        tutti::detail::room p_, q_;
    };

private:
    /// Bytes of P and Q.
    std::size_t factors_of(block_form const& block) const {
        return rank_of(block.shape) * (block.shape.rows + block.shape.columns) * block.number;
    }
};

}  // namespace tutti::sync::codec
