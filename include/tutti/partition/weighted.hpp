#pragma once

#include <tutti/concepts/partition.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>
#include <tutti/partition/permutation.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tutti::partition {

/// Deals samples in proportion to the ranks' weights, for ranks of unequal speed: every step has about those proportions, and
/// sees the same samples on any number of ranks. A rank of weight 0 gets none.
/// Weights are rounded to 1024ths of their sum, and dealt in rounds of 1024 so that each rank's turns are spread evenly.
struct weighted {
    std::vector<double> weights{};        ///< one per rank, equal on all ranks; finite, >= 0, not all 0
    std::optional<std::uint64_t> seed{};  ///< shuffles each epoch anew; empty: the order of the data

    class share_type {
    public:
        template <class = void>
        share_type(share_of const& which, std::vector<double> const& weights, std::optional<std::uint64_t> seed) {
            if (seed) order_.emplace(which.size, *seed, static_cast<std::uint64_t>(which.epoch));
            auto const quota = in_turns(weights);
            // Smooth weighted round-robin: each turn goes to the rank that is furthest behind its quota.
            std::vector<std::int64_t> credit(weights.size(), 0);
            for (std::size_t turn = 0; turn < round; ++turn) {
                before_[turn] = static_cast<std::uint16_t>(turns_.size());
                for (std::size_t k = 0; k < credit.size(); ++k) credit[k] += quota[k];
                auto const next = std::max_element(credit.begin(), credit.end());
                *next -= static_cast<std::int64_t>(round);
                if (next - credit.begin() == which.rank) turns_.push_back(static_cast<std::uint16_t>(turn));
            }
        }
        std::size_t before(std::size_t position) const { return position / round * turns_.size() + before_[position % round]; }
        std::size_t row(std::size_t k) const {
            std::size_t const position = k / turns_.size() * round + turns_[k % turns_.size()];
            return order_ ? (*order_)(position) : position;
        }

    private:
        static constexpr std::size_t round = 1024;

        /// Shares of a round, by largest remainders.
        template <class = void>
        static std::vector<std::int64_t> in_turns(std::vector<double> const& weights) {
            double sum = 0;
            for (double const weight : weights) sum += weight;
            std::vector<std::int64_t> quota;
            std::vector<double> rest;  // what each has got, less what is due
            auto left = static_cast<std::int64_t>(round);
            for (double const weight : weights) {
                double const exact = weight / sum * static_cast<double>(round);
                quota.push_back(static_cast<std::int64_t>(exact));
                rest.push_back(static_cast<double>(quota.back()) - exact);
                left -= quota.back();
            }
            for (; left > 0; --left) {
                auto const neediest = std::min_element(rest.begin(), rest.end());
                ++quota[static_cast<std::size_t>(neediest - rest.begin())];
                *neediest += 1;
            }
            return quota;
        }

        std::optional<permutation> order_;
        std::array<std::uint16_t, round> before_{};  // turns of this rank before each turn of a round
        std::vector<std::uint16_t> turns_;           // this rank's turns in a round
    };

    template <class = void>
    share_type share(share_of const& which) const {
        if (weights.size() != static_cast<std::size_t>(which.ranks))
            detail::raise<usage_error>({"tutti: partition::weighted has ", weights.size(), " weights for ", which.ranks,
                                        " ranks"});
        double sum = 0;
        for (double const weight : weights) {
            if (!(weight >= 0) || !std::isfinite(weight))
                detail::raise<usage_error>({"tutti: partition::weighted: ", std::to_string(weight),
                                            " is no weight; weights are finite and not negative"});
            sum += weight;
        }
        if (!(sum > 0) || !std::isfinite(sum))
            throw usage_error{"tutti: partition::weighted: the weights must have a positive, finite sum"};
        return {which, weights, seed};
    }
};

}  // namespace tutti::partition
