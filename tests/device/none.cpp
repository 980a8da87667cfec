// Without a device, or a driver, everything that needs one is refused with CUDA's or NCCL's text, and nothing hangs.
#include "check.hpp"

#include <tutti/collectives/all_reduce.hpp>
#include <tutti/collectives/barrier.hpp>
#include <tutti/comm/nccl.hpp>
#include <tutti/comm/threads.hpp>
#include <tutti/concepts/half.hpp>
#include <tutti/device/buffer.hpp>

#include <chrono>
#include <cstddef>

using tutti::comm::nccl;
using tutti::comm::threads;
using namespace std::chrono_literals;

static_assert(tutti::communicator<nccl>);
static_assert(!tutti::reaches<nccl>(tutti::memory_space::host) && tutti::reaches<nccl>(tutti::memory_space::device));
static_assert(!tutti::reaches<threads>(tutti::memory_space::device));
static_assert(tutti::detail::nccl_type(tutti::element_type_of<tutti::half>) == ncclFloat16 &&
              tutti::detail::nccl_type(tutti::element_type_of<tutti::bfloat16>) == ncclBfloat16 &&
              tutti::detail::nccl_type(tutti::element_type_of<double>) == ncclFloat64 &&
              tutti::detail::nccl_type(tutti::element_type_of<unsigned>) == ncclUint32 &&
              tutti::detail::nccl_type(tutti::element_type_of<long>) == ncclInt64 &&
              !tutti::detail::has_nccl_type(tutti::element_type_of<short>) &&
              !tutti::detail::has_nccl_type(tutti::element_type_of<long double>) &&
              !tutti::detail::has_nccl_type(tutti::element_type_of<bool>));

int main() {
    if (devices() != 0) return skip("a machine without a device");

    check_throws<tutti::error>([] { tutti::launch<nccl>([](auto&) {}); }, "cuda", "launch says that there is no device");
    check_throws<tutti::error>([] { tutti::launch<nccl>(2, [](auto&) {}); }, "cuda", "and so it does for any number of ranks");
    check_throws<tutti::error>([] { tutti::device_buffer<float> const memory{8}; }, "cudaMalloc", "no memory without a device");

    int const ranks = 3;
    std::atomic<int> told{0};
    check_throws<tutti::error>(
        [&] {
            tutti::launch<threads>(ranks, [&](threads& host) {
                try {
                    nccl const world{host, {.device = 0, .timeout = 5s}};
                } catch (tutti::error const&) {
                    ++told;
                    throw;
                }
            });
        },
        "cuda", "the group ends with CUDA's text");
    check(told == ranks, "every rank is told");

    ncclUniqueId id{};
    tutti::detail::nccl_handle handle;
    auto code = ncclGetUniqueId(&id);
    if (code == ncclSuccess) code = handle.begin(id, 0, 1);
    if (code == ncclInProgress) {
        check(tutti::detail::wait_at_most(20s, [&] { return handle.state() != ncclInProgress; }), "NCCL comes to an end");
        code = handle.state();
    }
    check(code != ncclSuccess, "NCCL makes no communicator");
    check(handle.text(code).size() > 10, "and says why");

    check(!tutti::detail::wait_at_most(5ms, [] { return false; }), "a wait ends when its time is up");

    // What ranks of devices ask of the host's communicator: nothing of this reads what lies at their addresses.
    for (std::size_t const count : {std::size_t{3}, std::size_t{100000}})
        check_throws<tutti::collective_mismatch>(
            [&] {
                tutti::launch<threads>(ranks, [&](threads& host) {
                    auto const hooks = tutti::detail::hooks_of(host);
                    tutti::call what{.kind = tutti::collective::all_reduce,
                                     .type = &tutti::element_type_of<float>,
                                     .in = reinterpret_cast<std::byte*>(64),
                                     .out = reinterpret_cast<std::byte*>(64),
                                     .count = count,
                                     .reduce = &tutti::reduction_of<float, std::plus<>>};
                    hooks.announce(what);
                    check(!hooks.has_ended(), "calls that match go on");
                    if (host.rank() == 1) ++what.count;
                    hooks.announce(what);
                });
            },
            "all_reduce", "calls that do not match are found before a device sees them");
    tutti::launch<threads>(ranks, [&](threads& host) {
        auto const hooks = tutti::detail::hooks_of(host);
        tutti::barrier(host);
        if (host.rank() == 2) hooks.tell("its device is on fire");
        else
            check(tutti::detail::wait_at_most(20s, [&] { return hooks.has_ended(); }),
                  "ranks that wait for a device see the group end");
        check_throws<tutti::peer_failed>([&] { hooks.look({.kind = tutti::collective::send}); }, "on fire", "and learn why");
    });
    return broken != 0;
}
