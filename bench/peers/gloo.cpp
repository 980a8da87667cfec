// Times the collectives of Gloo, called from C++: one context per rank, over TCP on the loopback device, as processes would talk.
// The ranks are threads, which start faster; they share nothing but the store in which they find each other.
#include "measure.hpp"

#include <gloo/allgather.h>
#include <gloo/allreduce.h>
#include <gloo/alltoall.h>
#include <gloo/barrier.h>
#include <gloo/broadcast.h>
#include <gloo/config.h>
#include <gloo/math.h>
#include <gloo/reduce_scatter.h>
#include <gloo/rendezvous/context.h>
#include <gloo/rendezvous/hash_store.h>
#include <gloo/transport/tcp/device.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace {

class gloo_peer {
public:
    gloo_peer(gloo::rendezvous::Store& store, int rank, int size)
        : context_{std::make_shared<gloo::rendezvous::Context>(rank, size)} {
        auto device = gloo::transport::tcp::CreateDevice(gloo::transport::tcp::attr{"127.0.0.1"});
        static_cast<gloo::rendezvous::Context&>(*context_).connectFullMesh(store, device);
    }

    static char const* name() { return "gloo"; }
    static std::string version() {
        return "Gloo " + std::to_string(GLOO_VERSION_MAJOR) + "." + std::to_string(GLOO_VERSION_MINOR) + "." +
               std::to_string(GLOO_VERSION_PATCH);
    }
    int rank() const { return context_->rank; }
    int size() const { return context_->size; }
    void barrier() {
        gloo::BarrierOptions how{context_};
        gloo::barrier(how);
    }
    void largest(std::span<float> values) { reduce(values, gloo::max<float>); }

    /// Gloo's only reduce_scatter is bound to its buffer, at the start of which it leaves the result.
    void prepare(bench::collective kind, bench::buffers const& with) {
        if (kind != bench::collective::reduce_scatter) return;
        auto const [in, out] = with;
        std::vector<int> const parts(static_cast<std::size_t>(size()), static_cast<int>(out.size()));
        bound_[in.data()] = std::make_unique<gloo::ReduceScatterHalvingDoubling<float>>(context_, std::vector<float*>{in.data()},
                                                                                        static_cast<int>(in.size()), parts);
    }

    std::span<float const> call(bench::collective kind, bench::buffers const& with) {
        auto const [in, out] = with;
        switch (kind) {
        case bench::collective::all_reduce:
            reduce(out, gloo::sum<float>);
            return out;
        case bench::collective::reduce_scatter:
            bound_.at(in.data())->run();
            return in.first(out.size());
        case bench::collective::all_gather: {
            gloo::AllgatherOptions how{context_};
            how.setInput(in.data(), in.size());
            how.setOutput(out.data(), out.size());
            gloo::allgather(how);
            return out;
        }
        case bench::collective::broadcast: {
            gloo::BroadcastOptions how{context_};
            how.setOutput(out.data(), out.size());
            how.setRoot(0);
            gloo::broadcast(how);
            return out;
        }
        case bench::collective::all_to_all: {
            gloo::AlltoallOptions how{context_};
            how.setInput(in.data(), in.size());
            how.setOutput(out.data(), out.size());
            gloo::alltoall(how);
            return out;
        }
        }
        return out;
    }

private:
    void reduce(std::span<float> data, void (*fold)(void*, void const*, void const*, std::size_t)) {
        gloo::AllreduceOptions how{context_};
        how.setOutput(data.data(), data.size());
        how.setReduceFunction(fold);
        gloo::allreduce(how);
    }

    std::shared_ptr<gloo::Context> context_;
    std::map<float const*, std::unique_ptr<gloo::Algorithm>> bound_;
};

void run_rank(gloo::rendezvous::Store& store, int rank, bench::options const& wanted) try {
    gloo_peer peer{store, rank, wanted.ranks};
    bench::measurement{peer, wanted}.run();
    peer.barrier();  // none hangs up on another
} catch (std::exception const& problem) {
    std::fprintf(stderr, "gloo: rank %d: %s\n", rank, problem.what());
    std::_Exit(1);
}

}  // namespace

int main(int argc, char** argv) {
    bench::options wanted;
    auto const what = "Times the collectives of Gloo over TCP on this host.";
    if (auto const status = bench::read(argc, argv, {.ranks = true}, what, wanted)) return *status;
    gloo::rendezvous::HashStore store;
    std::vector<std::thread> ranks;
    for (int rank = 0; rank < wanted.ranks; ++rank) ranks.emplace_back([&, rank] { run_rank(store, rank, wanted); });
    for (auto& each : ranks) each.join();
}
