// Preloaded into tests on MPICH: where more ranks than cores wait, each gives its core to the others, as Open MPI's do. By itself
// MPICH asks its transport, UCX, over and over, and a test of four ranks on two cores takes a minute instead of a second.
#include <dlfcn.h>
#include <sched.h>

extern "C" unsigned ucp_worker_progress(void* worker) {
    static auto const progress = reinterpret_cast<unsigned (*)(void*)>(dlsym(RTLD_NEXT, "ucp_worker_progress"));
    unsigned const events = progress(worker);
    if (events == 0) sched_yield();
    return events;
}
