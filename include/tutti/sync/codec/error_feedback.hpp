#pragma once

#include <tutti/concepts/block_form.hpp>
#include <tutti/concepts/codec.hpp>
#include <tutti/concepts/step_traffic.hpp>
#include <tutti/detail/room.hpp>

#include <cstddef>
#include <span>

namespace tutti::sync::codec {

template <class Codec>
struct error_feedback;

namespace detail {

template <class Codec>
inline constexpr bool feeds_back = false;
template <class Codec>
inline constexpr bool feeds_back<error_feedback<Codec>> = true;

}  // namespace detail

/// What a codec did not send of a gradient is added to the next one: late, but not lost. Each rank keeps its own rest.
/// Cost:   that of the codec; one more number in memory per number
/// Source: Seide et al. 2014, 1-bit SGD; Karimireddy et al. 2019, arXiv:1901.09847
template <class Codec>
struct error_feedback {
    static_assert(gradient_codec<Codec>,
                  "tutti: codec::error_feedback around what is no codec, such as tutti::sync::codec::top_k; see "
                  "tutti/concepts/codec.hpp");
    static_assert(!detail::feeds_back<Codec>,
                  "tutti: codec::error_feedback around codec::error_feedback: what was not sent is fed back already; leave one of "
                  "them out");
    static constexpr bool needs_shapes = tutti::needs_shapes<Codec>;

    Codec codec{};  ///< what makes gradients smaller

    void check() const { codec.check(); }
    auto settings() const { return codec.settings(); }
    step_traffic traffic(block_form const& block, int ranks) const { return codec.traffic(block, ranks); }
    std::size_t memory(block_form const& block, int ranks) const { return codec.memory(block, ranks) + block.bytes(); }

    class state {
    public:
        state(error_feedback const& settings, block_form const& block, int ranks)
            : inner_{settings.codec, block, ranks},
              rest_{block.count(), block.number} {}

        template <class Comm, class T>
        void exchange(Comm& world, std::span<T> numbers, std::span<T> rest) {
            auto const kept = rest_.as<T>();
            for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] += kept[i];
            inner_.exchange(world, numbers, kept);
            for (T& each : rest) each = 0;  // all that is not sent stays here
        }

    private:
        typename Codec::state inner_;
        tutti::detail::room rest_;
    };
};

template <class Codec>
error_feedback(Codec) -> error_feedback<Codec>;

}  // namespace tutti::sync::codec
