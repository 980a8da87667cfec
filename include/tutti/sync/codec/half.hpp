#pragma once

#include <tutti/collectives/all_reduce.hpp>
#include <tutti/concepts/block_form.hpp>
#include <tutti/concepts/half.hpp>
#include <tutti/concepts/step_traffic.hpp>
#include <tutti/detail/room.hpp>

#include <array>
#include <cstddef>
#include <span>

namespace tutti::sync::codec {

/// Numbers travel as half precision, and are added up in float wherever several meet. What is beyond 65504, a sum too, becomes infinite: it shows in the
/// loss, as an overflow does.
/// Cost:   half the bytes of floats, in one all_reduce per block; two bytes per number in memory
/// Order:  that of an all_reduce of halves; each number is rounded on its rank, and their sum once more where ranks share memory, else at
///         every hop that a partial sum takes: beyond what `rest` tells of
struct half {
    static void check() {}
    static std::array<double, 1> settings() { return {0}; }
    static step_traffic traffic(block_form const& block, int /*ranks*/) {
        step_traffic sum;
        sum.add(collective::all_reduce, static_cast<double>(block.count() * sizeof(tutti::half)));
        return sum;
    }
    static std::size_t memory(block_form const& block, int /*ranks*/) { return block.count() * sizeof(tutti::half); }

    class state {
    public:
        state(half const& /*settings*/, block_form const& block, int /*ranks*/) : sent_{block.count(), sizeof(tutti::half)} {}

        template <class Comm, class T>
        void exchange(Comm& world, std::span<T> numbers, std::span<T> rest) {
            auto const sent = sent_.as<tutti::half>();
            for (std::size_t i = 0; i < numbers.size(); ++i) sent[i] = tutti::half{numbers[i]};
            for (std::size_t i = 0; i < rest.size(); ++i) rest[i] = numbers[i] - static_cast<T>(float{sent[i]});
            tutti::all_reduce(world, sent);
            for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<T>(float{sent[i]});
        }

    private:
        tutti::detail::room sent_;
    };
};

}  // namespace tutti::sync::codec
