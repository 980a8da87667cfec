#include "backends.hpp"
#include "message_ranks.hpp"

#include <tutti/comm/checked.hpp>
#include <tutti/comm/hierarchical.hpp>
#include <tutti/comm/solo.hpp>
#include <tutti/comm/threads.hpp>
#include <tutti/comm/traced.hpp>

bool const laws::folds_in_rank_order = true;

template <class Comm>
inline constexpr bool laws::waits_at_start<tutti::comm::checked<Comm>> = true;
template <class Comm>  // some by two levels
inline constexpr bool laws::folds_alike<tutti::comm::hierarchical<Comm>> = false;

void laws::on_threads(std::initializer_list<int> ranks, law const& body) {
    for (int const each : ranks) on<tutti::comm::threads>("threads", {.ranks = each}, body);
}

void laws::on_every_backend(law const& body) {
    on<tutti::comm::solo>("solo", {}, body);
    on_threads(thread_ranks, body);
    for (int const each : {1, 3}) {
        on<tutti::comm::checked<tutti::comm::threads>>("checked threads", {.ranks = each}, body);
        on<tutti::comm::traced<tutti::comm::threads>>("traced threads", {.ranks = each}, body);
    }
    on<tutti::comm::threads>("threads on two hosts", {.ranks = 4}, [&](any_communicator& world, expectation const& expect) {
        tutti::comm::hierarchical hosts{dynamic_cast<erased<tutti::comm::threads>&>(world).inner(), world.rank() / 2};
        erased<tutti::comm::hierarchical<tutti::comm::threads>> any{hosts};
        body(any, expect);
    });
    for (int const each : {1, 2, 3, 4, 7}) on<message_ranks>("messages", {.ranks = each}, body);
}
