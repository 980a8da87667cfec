#pragma once

#include <tutti/collectives/all_gather.hpp>
#include <tutti/collectives/broadcast.hpp>
#include <tutti/concepts/blocks.hpp>
#include <tutti/concepts/partition.hpp>
#include <tutti/detail/text.hpp>
#include <tutti/error.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <string>
#include <vector>

namespace tutti::detail {

/// floor(n * k / parts), without overflow of n * k; k <= parts
constexpr std::size_t part_of(std::size_t n, std::size_t k, std::size_t parts) { return n / parts * k + n % parts * k / parts; }

/// Samples cut into as many micro-batches as are wanted, or as there are samples: more would be empty.
class micro_batch_cuts {
public:
    constexpr micro_batch_cuts(std::size_t samples, std::size_t wanted)
        : samples_{samples},
          count_{wanted < samples ? wanted : samples} {}
    constexpr std::size_t count() const { return count_; }
    /// Where micro-batch k begins, and the one before it ends; k <= count().
    constexpr std::size_t operator[](std::size_t k) const { return part_of(samples_, k, count_); }

private:
    std::size_t samples_, count_;
};

/// Positions of an epoch that shares are looked at.
inline constexpr std::size_t deal_samples = 8;

/// Some of what `partition` deals to up to 16 of the ranks, as a hash.
template <class Partition>
std::uint64_t fingerprint_of_deal(Partition const& partition, share_of which) {
    std::vector<std::size_t> sample;
    auto const ranks = static_cast<std::size_t>(which.ranks), some = std::min<std::size_t>(ranks, 16);
    for (std::size_t k = 0; k < some; ++k) {
        which.rank = static_cast<int>(part_of(ranks, k, some));
        auto const share = partition.share(which);
        for (std::size_t at = 1; at <= deal_samples; ++at) {
            sample.push_back(share.before(part_of(which.size, at, deal_samples)));
            sample.push_back(sample.back() == 0 ? 0 : share.row(sample.back() - 1));
        }
    }
    return fingerprint(std::span{sample});
}

/// Makes the refusal of any rank one of all ranks. Collective.
/// @param lengths  of each rank's reason, and 1 more; 0: that rank refuses nothing
/// @throws what this rank refused with; usage_error with the reason of the first rank that refuses, where this one does not
template <class Comm>
void refuse_together(Comm& world, std::span<std::size_t const> lengths, std::string reason, std::exception_ptr const& refusal) {
    auto const first = std::find_if(lengths.begin(), lengths.end(), [](std::size_t length) { return length != 0; });
    if (first == lengths.end()) return;
    auto const rank = static_cast<int>(first - lengths.begin());
    if (world.rank() != rank) reason.assign(*first - 1, ' ');
    broadcast(world, reason, rank);
    if (refusal) std::rethrow_exception(refusal);
    if (reason.starts_with("tutti: ")) reason.erase(0, 7);
    raise<usage_error>({"tutti: rank ", rank, " refuses: ", reason});
}

/// Looks whether the ranks, each of which deals to itself, deal alike, and every sample to one of them: at some positions.
/// Collective.
/// @param settings_too  also compares what each would deal to the others
/// @throws usage_error  on every rank: settings that differ between ranks, or that one of them refuses; a law that is broken
/// Cost:                one all_gather of 10 numbers; 1 share, and 16 more for the settings
template <class Comm, class Partition>
void check_deal(Comm& world, Partition const& partition, std::int64_t epoch, std::size_t size, bool settings_too) {
    share_of const which{epoch, size, world.rank(), world.size()};
    struct telling {
        std::size_t reason_length = 0;  // and 1 more, where this rank refuses
        std::uint64_t settings = 0;
        std::array<std::size_t, deal_samples> before{};
    } mine;
    std::string reason;
    std::exception_ptr refusal;
    try {
        auto const share = partition.share(which);
        for (std::size_t k = 0; k < deal_samples; ++k) {
            std::size_t const before = mine.before[k] = share.before(part_of(size, k + 1, deal_samples));
            if (std::size_t const row = before == 0 ? 0 : share.row(before - 1); row >= size)
                raise<usage_error>({"tutti: the partition deals sample ", row, " of ", size});
        }
        if (settings_too) mine.settings = fingerprint_of_deal(partition, which);
    } catch (usage_error const& problem) {
        refusal = std::current_exception();
        reason = problem.what();
        mine.reason_length = reason.size() + 1;
    }
    auto const all = all_gather(world, mine);
    std::vector<std::size_t> lengths;
    for (telling const& each : all) lengths.push_back(each.reason_length);
    refuse_together(world, lengths, reason, refusal);
    for (std::size_t rank = 1; rank < all.size(); ++rank)
        if (all[rank].settings != all[0].settings)
            raise<usage_error>({"tutti: run_epoch: the partition's settings (seed, weights, ...) on rank ", rank,
                                " are not those on rank 0"});
    for (std::size_t k = 0; k < deal_samples; ++k) {
        std::size_t const wanted = part_of(size, k + 1, deal_samples);
        std::size_t dealt = 0;
        for (telling const& each : all) dealt += each.before[k];
        if (dealt != wanted)
            raise<usage_error>({"tutti: run_epoch: the partition breaks its law: of the first ", wanted,
                                " samples the ranks together get ", dealt, "; see tutti/concepts/partition.hpp"});
    }
}

}  // namespace tutti::detail
