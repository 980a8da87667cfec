// Folding, which all collectives do: sums of numbers go by registers, all else by blocks.

#include <tutti/concepts/reduction.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace {

/// What element `i` of source `source` is: small enough that no sum of six is rounded, or wraps where it could not.
template <class T>
T element(int source, std::size_t i) {
    return static_cast<T>((static_cast<std::size_t>(source) * 5 + i * 3) % 21);
}

/// Folds elements [first, first + count) of `inputs` sources to `outputs` destinations, of which the first `shared` are the last
/// sources. Returns whether exactly those elements, and no others, are the sums.
template <class T, class Operation>
bool folds(int inputs, int outputs, int shared, std::size_t first, std::size_t count) {
    std::size_t const whole = first + count + 40;
    auto const fresh = [&](int source) {
        std::vector<T> made(whole);
        for (std::size_t i = 0; i < whole; ++i) made[i] = element<T>(source, i);
        return made;
    };
    std::vector<std::vector<T>> sources, apart(static_cast<std::size_t>(outputs - shared), fresh(100));
    for (int source = 0; source < inputs; ++source) sources.push_back(fresh(source));
    auto const wanted = [&](std::size_t i) {
        auto sum = element<T>(0, i);
        for (int source = 1; source < inputs; ++source) sum = static_cast<T>(sum + element<T>(source, i));
        return sum;
    };

    std::vector<std::byte const*> in;
    for (auto& each : sources) in.push_back(reinterpret_cast<std::byte const*>(each.data()));
    std::vector<std::byte*> out;
    auto const shared_source = [&](int k) { return inputs - shared + k; };
    for (int k = 0; k < shared; ++k)
        out.push_back(reinterpret_cast<std::byte*>(sources[static_cast<std::size_t>(shared_source(k))].data()));
    for (auto& each : apart) out.push_back(reinterpret_cast<std::byte*>(each.data()));
    Operation const operation{};
    tutti::reduction_of<T, Operation>.fold(&operation, out.data(), outputs, in.data(), inputs, first, count);

    bool right = true;
    for (int k = 0; k < outputs; ++k) {
        auto const& result =
            k < shared ? sources[static_cast<std::size_t>(shared_source(k))] : apart[static_cast<std::size_t>(k - shared)];
        for (std::size_t i = 0; i < whole; ++i) {
            bool const inside = i >= first && i < first + count;
            right = right && result[i] == (inside ? wanted(i) : element<T>(k < shared ? shared_source(k) : 100, i));
        }
    }
    return right;
}

struct added {
    template <class T>
    T operator()(T a, T b) const {
        return static_cast<T>(a + b);
    }
};

}  // namespace

TEST_CASE_TEMPLATE("a fold adds up what it is asked for, and touches nothing else", T, char, std::int8_t, std::uint8_t, std::int16_t,
                   std::uint16_t, std::int32_t, std::uint32_t, long, unsigned long, long long, unsigned long long, float, double,
                   long double) {
    for (int const inputs : {2, 3, 6})
        for (int const outputs : {1, 2, 3})
            for (int const shared : {0, 1, 2})
                for (std::size_t const first : {0u, 1u, 7u})
                    for (std::size_t count = 0; count < 300; count += count < 70 ? 1 : 13) {
                        if (shared > outputs) continue;
                        INFO(inputs, " to ", outputs, ", of which ", shared, " shared, elements ", first, " and ", count, " more");
                        REQUIRE(folds<T, std::plus<>>(inputs, outputs, shared, first, count));
                        REQUIRE(folds<T, std::plus<T>>(inputs, outputs, shared, first, count));
                        REQUIRE(folds<T, added>(inputs, outputs, shared, first, count));
                    }
}
