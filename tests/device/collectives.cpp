#include "collectives.hpp"

#include <tutti/collectives/all_gather.hpp>
#include <tutti/collectives/all_reduce.hpp>
#include <tutti/collectives/broadcast.hpp>
#include <tutti/collectives/messages.hpp>
#include <tutti/collectives/reduce_scatter.hpp>
#include <tutti/comm/nccl.hpp>
#include <tutti/concepts/half.hpp>
#include <tutti/device/buffer.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace {

/// Whether `found` holds wanted(i) at each i.
template <class T, class Wanted>
void check_all(tutti::device_buffer<T> const& found, Wanted wanted, std::string_view claim, int line = __builtin_LINE()) {
    std::vector<T> here(found.size());
    tutti::copy(found, here);
    bool same = true;
    for (std::size_t i = 0; i < here.size(); ++i)
        same = same && static_cast<double>(here[i]) == static_cast<double>(wanted(static_cast<int>(i)));
    check(same, claim, line);
}

/// Whole numbers that sums in any order keep exact, so one formula serves every type: rank r brings r + i % 4.
template <class T>
void check_type(tutti::comm::nccl& world, std::size_t count) {
    int const p = world.size(), r = world.rank(), all = p * (p - 1) / 2;
    std::size_t const ranks = static_cast<std::size_t>(p);
    auto filled = [&](std::size_t size, int shift) {
        std::vector<T> numbers(size);
        for (std::size_t i = 0; i < size; ++i) numbers[i] = static_cast<T>(shift + static_cast<int>(i % 4));
        return tutti::device_buffer<T>{std::span<T const>{numbers}};
    };
    auto const mine = filled(count, r);
    tutti::device_buffer<T> out{count}, many{count * ranks};

    tutti::all_reduce(world, mine, out);
    check_all(
        out, [&](int i) { return all + p * (i % 4); }, "all_reduce sums");
    tutti::all_reduce(world, mine, out, tutti::maximum{});
    check_all(
        out, [&](int i) { return p - 1 + i % 4; }, "all_reduce takes the maximum");
    tutti::all_reduce(world, mine.span(), out.span(), tutti::minimum{});
    check_all(
        out, [&](int i) { return i % 4; }, "all_reduce takes the minimum");

    tutti::all_gather(world, mine, many);
    check_all(
        many, [&](int i) { return i / static_cast<int>(count) + i % static_cast<int>(count) % 4; },
        "all_gather keeps the rank order");
    auto const parts = filled(count * ranks, r);
    tutti::reduce_scatter(world, parts, out);
    check_all(
        out, [&](int i) { return all + p * ((r * static_cast<int>(count) + i) % 4); }, "reduce_scatter sums this rank's part");
    tutti::copy(mine, out);
    tutti::broadcast(world, out, p - 1);
    check_all(
        out, [&](int i) { return p - 1 + i % 4; }, "broadcast gives the root's");

    tutti::exchange(world, mine, (r + 1) % p, out, (r + p - 1) % p);
    check_all(
        out, [&](int i) { return (r + p - 1) % p + i % 4; }, "exchange passes on around the ring");
    if (p > 1 && r == 0) tutti::send(world, mine, p - 1);
    if (p > 1 && r == p - 1) {
        tutti::receive(world, out, 0);
        check_all(
            out, [](int i) { return i % 4; }, "receive gets what was sent");
    }
    auto running = tutti::start_all_reduce(world, out.span());
    running.wait();
}

}  // namespace

void check_collectives(tutti::comm::nccl& world) {
    for (std::size_t const count : {std::size_t{1}, std::size_t{7}, std::size_t{100000}}) {
        check_type<float>(world, count);
        check_type<double>(world, count);
        check_type<tutti::half>(world, count);
        check_type<tutti::bfloat16>(world, count);
        check_type<int>(world, count);
        check_type<unsigned char>(world, count);
        check_type<long>(world, count);
    }
    int const p = world.size();
    std::vector<float> const ranks(5, static_cast<float>(world.rank()));
    tutti::device_buffer<float> mean{std::span<float const>{ranks}};
    tutti::all_reduce(world, mean, tutti::average{});
    if ((p & (p - 1)) == 0)
        check_all(
            mean, [&](int) { return (p - 1) / 2.0; }, "average is exact on 2^k ranks");
    tutti::device_buffer<float> nothing;
    tutti::all_reduce(world, nothing);

    std::vector<float> host(4);
    tutti::device_span<float> const lie{host.data(), host.size()};
    check_throws<tutti::usage_error>([&] { tutti::all_reduce(world, lie); }, "a buffer that lies elsewhere", "host memory is refused");
}
