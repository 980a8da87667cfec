// On the host, by Thrust's CPP system: what the kernel is compared with, against a loop; and against it the share of a thread of
// the kernel.
#include "check.hpp"
#include "updates.hpp"

#include <tutti/collectives/all_reduce.hpp>
#include <tutti/comm/threads.hpp>
#include <tutti/device/update.hpp>

template <int Slots, class T, class Rule>
void compare(Rule const& rule) {
    T const scale = static_cast<T>(0.25);
    constexpr std::size_t wide = 16 / sizeof(T);
    for (std::size_t const count : some_sizes) {
        auto const wanted = by_thrust<Slots>(rule, count, scale);
        trained<T> by_loop{count}, by_shares{count};
        for (int step = 1; step <= some_steps; ++step) {
            step_of<Slots>(rule, step, by_loop, [&](auto const& update, auto& x, auto& gradient, auto&... slots) {
                for (std::size_t i = 0; i < count; ++i) update(x[i], scale * gradient[i], slots[i]...);
            });
            step_of<Slots>(rule, step, by_shares, [&](auto const& update, auto& x, auto& gradient, auto&... slots) {
                using packed = tutti::detail::pack<T, wide>;
                using single = tutti::detail::pack<T, 1>;
                std::size_t const packs = count / wide, rest = packs * wide;
                for (std::size_t worker = 0; worker < 100; ++worker) {
                    tutti::detail::update_share(worker, 100, update, scale, packs, reinterpret_cast<packed*>(x.data()),
                                                reinterpret_cast<packed const*>(gradient.data()),
                                                reinterpret_cast<packed*>(slots.data())...);
                    tutti::detail::update_share(
                        worker, 100, update, scale, count - rest, reinterpret_cast<single*>(x.data() + rest),
                        reinterpret_cast<single const*>(gradient.data() + rest), reinterpret_cast<single*>(slots.data() + rest)...);
                }
            });
        }
        check(wanted == by_loop, "Thrust's update is that of a loop, bit for bit");
        check(wanted == by_shares, "threads of the device move each element once, bit for bit");
    }
}

template <class T>
void compare_all() {
    compare<0, T>(plain);
    compare<1, T>(with_momentum);
    compare<1, T>(with_nesterov);
    compare<2, T>(adamw);
}

int main() {
    compare_all<float>();
    compare_all<double>();
    tutti::launch<tutti::comm::threads>(3, [](auto& world) {
        thrust::device_vector<int> numbers(100, world.rank());
        tutti::all_reduce(world, tutti::adapt::span_of(numbers));
        check(numbers[0] == 3 && numbers[99] == 3, "a Thrust vector on the host's side is reduced in place");
    });
    return broken != 0;
}
