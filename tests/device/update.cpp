// The kernel against Thrust on the host, bit for bit: update.cu is compiled without contraction.
#include "check.hpp"
#include "updates.hpp"

#include <tutti/device/buffer.hpp>
#include <tutti/device/update.hpp>

#include <span>

/// @param shift  elements by which all begin beside a multiple of 16 bytes
template <int Slots, class T, class Rule>
void compare(Rule const& rule, std::size_t shift) {
    T const scale = static_cast<T>(0.25);
    for (std::size_t const count : some_sizes) {
        trained<T> found{count};
        auto on_device = [&](std::vector<T> const& from) {
            tutti::device_buffer<T> there{from.size() + shift};
            tutti::copy(from, there.span().subspan(shift, from.size()));
            return there;
        };
        struct {
            tutti::device_buffer<T> x, gradient, first, second;
        } there{on_device(found.x), on_device(found.gradient), on_device(found.first), on_device(found.second)};
        for (int step = 1; step <= some_steps; ++step) {
            auto const update = rule.template at<T>(step);
            auto part = [&](auto& of) { return of.span().subspan(shift, count); };
            tutti::device_span<T const> const gradient = part(there.gradient);
            if constexpr (Slots == 0) tutti::update_on_device(nullptr, update, scale, part(there.x), gradient);
            else if constexpr (Slots == 1)
                tutti::update_on_device(nullptr, update, scale, part(there.x), gradient, part(there.first));
            else tutti::update_on_device(nullptr, update, scale, part(there.x), gradient, part(there.first), part(there.second));
        }
        auto back = [&](auto& from, std::vector<T>& to) { tutti::copy(from.span().subspan(shift, count), to); };
        back(there.x, found.x), back(there.first, found.first), back(there.second, found.second);
        check(found == by_thrust<Slots>(rule, count, scale), "the kernel moves each parameter as Thrust does");
    }
}

int main() {
    if (devices() == 0) return skip("a device");
    for (std::size_t const shift : {std::size_t{0}, std::size_t{1}}) {
        compare<0, float>(plain, shift);
        compare<1, float>(with_momentum, shift);
        compare<1, float>(with_nesterov, shift);
        compare<1, double>(with_momentum, shift);
        compare<2, float>(adamw, shift);
        compare<2, double>(adamw, shift);
    }
    tutti::device_buffer<float> x{8}, gradient{7};
    tutti::device_span<float const> const few{gradient.data(), 7};
    check_throws<tutti::usage_error>([&] { tutti::update_on_device(nullptr, plain.at<float>(1), 1.f, x.span(), few); }, "gradients",
                                     "sizes that differ are refused");
    return broken != 0;
}
