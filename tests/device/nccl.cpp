// Thread ranks with a device each.
#include "collectives.hpp"

#include <tutti/collectives/all_reduce.hpp>
#include <tutti/collectives/messages.hpp>
#include <tutti/device/buffer.hpp>

#include <chrono>
#include <thread>

using tutti::comm::nccl;
using namespace std::chrono_literals;

int main() {
    int const count = devices();
    if (count == 0) return skip("a device");
    for (int ranks = 1; ranks <= count; ++ranks) tutti::launch<nccl>(ranks, [](nccl& world) { check_collectives(world); });
    check_throws<tutti::usage_error>([&] { tutti::launch<nccl>(count + 1, [](auto&) {}); }, "devices", "each rank needs a device");
    if (count > 1) {
        struct out_of_luck {};
        std::atomic<int> told{0};
        try {
            tutti::launch<nccl>(count, [&](nccl& world) {
                if (world.rank() == 1) throw out_of_luck{};
                tutti::device_buffer<float> numbers{1 << 20};
                try {
                    for (;;) tutti::all_reduce(world, numbers);
                } catch (tutti::peer_failed const&) {
                    ++told;
                    throw;
                }
            });
            check(false, "the exception of the rank that failed leaves launch");
        } catch (out_of_luck const&) {}
        check(told == count - 1, "its peers get peer_failed");

        check_throws<tutti::timeout_error>(
            [&] {
                tutti::launch<nccl>({.ranks = 2, .timeout = 3s}, [&](nccl& world) {
                    tutti::device_buffer<float> numbers{1 << 20};
                    if (world.rank() == 0) tutti::receive(world, numbers, 1);
                    else std::this_thread::sleep_for(5s);
                });
            },
            "receive", "what never comes times out, and the text names the call");
    }
    std::printf("%d devices\n", count);
    return broken != 0;
}
