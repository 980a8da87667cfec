// expects: hierarchical<Comm> needs a communicator that performs and starts collectives and has split, split_by_host and allocate
#include <tutti/comm/hierarchical.hpp>
#include <tutti/comm/solo.hpp>

#ifdef RIGHT
using group = tutti::comm::solo;
#else
struct group : tutti::comm::solo {
    static group split(int /*color*/, int /*key*/ = 0) { return {}; }
    void split_by_host() = delete;
};
#endif

int main() {
    group whole;
    tutti::comm::hierarchical world{whole};
    return world.lanes() - 1;
}
