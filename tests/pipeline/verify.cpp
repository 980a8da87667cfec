#include <tutti/pipeline/gpipe.hpp>
#include <tutti/pipeline/one_forward_one_backward.hpp>
#include <tutti/pipeline/schedule.hpp>
#include <tutti/pipeline/verify.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace pipeline = tutti::pipeline;
using pipeline::fault, pipeline::task, pipeline::make_schedule;
using action = task::action;

namespace {

template <class Policy, int Stages, int... M>
constexpr bool sound(std::integer_sequence<int, M...>) {
    // One constant expression each, since compilers bound the steps of one.
    static_assert((std::bool_constant<static_cast<bool>(pipeline::verify(Policy{}, {Stages, M + 1}))>::value && ...));
    return true;
}
template <class Policy>
constexpr bool sound_up_to_4_by_8 =
    sound<Policy, 1>(std::make_integer_sequence<int, 8>{}) && sound<Policy, 2>(std::make_integer_sequence<int, 8>{}) &&
    sound<Policy, 3>(std::make_integer_sequence<int, 8>{}) && sound<Policy, 4>(std::make_integer_sequence<int, 8>{});
static_assert(sound_up_to_4_by_8<pipeline::gpipe>);
static_assert(sound_up_to_4_by_8<pipeline::one_forward_one_backward>);

template <class Policy>
pipeline::schedule three_by_four(Policy policy) {
    return make_schedule(policy, pipeline::shape{3, 4});
}

/// A sound schedule of 3 stages and 4 micro-batches with one thing changed.
template <class Policy, class Change>
pipeline::verdict found_in(Policy policy, Change change) {
    auto whole = three_by_four(policy);
    REQUIRE(pipeline::verify(whole));
    change(whole);
    return pipeline::verify(whole);
}
template <class Change>
fault found_in(Change change) {
    return found_in(pipeline::one_forward_one_backward{}, change).what;
}

std::vector<task>& tasks_of(pipeline::schedule& whole, std::size_t stage) { return whole.stages[stage].tasks; }

task& find(pipeline::schedule& whole, std::size_t stage, action what, int micro_batch) {
    for (task& each : tasks_of(whole, stage))
        if (each.what == what && each.micro_batch == micro_batch) return each;
    throw std::logic_error{"no such task"};
}

void erase(pipeline::schedule& whole, std::size_t stage, action what, int micro_batch) {
    std::erase_if(tasks_of(whole, stage), [&](task const& each) { return each.what == what && each.micro_batch == micro_batch; });
}

/// Puts one task before another, in a round of its own.
void move_before(pipeline::schedule& whole, std::size_t stage, action what, int micro_batch, action other, int other_micro_batch) {
    task const moved = find(whole, stage, what, micro_batch);
    erase(whole, stage, what, micro_batch);
    auto& tasks = tasks_of(whole, stage);
    auto at = static_cast<std::ptrdiff_t>(&find(whole, stage, other, other_micro_batch) - tasks.data());
    while (at > 0 && tasks[static_cast<std::size_t>(at)].round == tasks[static_cast<std::size_t>(at) - 1].round) --at;
    tasks.insert(tasks.begin() + at, moved);
    int round = -1, was = -1;
    for (task& each : tasks) {
        bool const alone = &each == &tasks[static_cast<std::size_t>(at)], after = &each == &tasks[static_cast<std::size_t>(at)] + 1;
        if (alone || after || each.round != was) ++round;
        was = each.round;
        each.round = round;
    }
}

}  // namespace

TEST_CASE("both schedules are sound for any number of stages and micro-batches, and hold no more than they say") {
    for (int stages = 1; stages <= 9; ++stages)
        for (int m = 1; m <= 20; ++m) {
            CAPTURE(stages);
            CAPTURE(m);
            CHECK(describe(pipeline::verify(pipeline::gpipe{}, {stages, m})) == "sound");
            CHECK(describe(pipeline::verify(pipeline::one_forward_one_backward{}, {stages, m})) == "sound");
            for (int stage = 0; stage < stages; ++stage) {
                CHECK(pipeline::gpipe::steps({stages, m}, stage).in_flight() == m);
                CHECK(pipeline::one_forward_one_backward::steps({stages, m}, stage).in_flight() == std::min(stages - stage, m));
            }
        }
}

TEST_CASE("micro-batches and stages that do not exist are found") {
    CHECK(found_in([](auto& s) { find(s, 1, action::forward, 3).micro_batch = 4; }) == fault::no_such_micro_batch);
    CHECK(found_in([](auto& s) { find(s, 1, action::forward, 0).micro_batch = -1; }) == fault::no_such_micro_batch);
    CHECK(found_in([](auto& s) { find(s, 2, action::backward, 0).what = action::send_activation; }) == fault::no_such_stage);
    CHECK(found_in([](auto& s) { find(s, 0, action::forward, 0).what = action::receive_activation; }) == fault::no_such_stage);
}

TEST_CASE("a schedule of no stage, or for no micro-batch, is not sound") {
    CHECK(pipeline::verify(pipeline::gpipe{}, {0, 4}).what == fault::incomplete);
    CHECK(pipeline::verify(pipeline::gpipe{}, {2, 0}).what == fault::incomplete);
    CHECK(pipeline::verify(pipeline::gpipe{}, {2, -1}).what == fault::incomplete);
    CHECK(pipeline::verify(pipeline::schedule{{-1, 1}}).what == fault::incomplete);
}

TEST_CASE("rounds that decrease, or hold what they may not, are found") {
    CHECK(found_in([](auto& s) { tasks_of(s, 1).back().round = 0; }) == fault::mixed_round);
    CHECK(found_in([](auto& s) { find(s, 1, action::forward, 0).round = find(s, 1, action::receive_activation, 0).round; }) ==
          fault::mixed_round);
    // Receives from both neighbours at once.
    CHECK(found_in([](auto& s) {
              auto& tasks = tasks_of(s, 1);
              std::size_t const at = static_cast<std::size_t>(&find(s, 1, action::send_activation, 0) - tasks.data());
              tasks[at + 1].round = tasks[at].round;
          }) == fault::mixed_round);
}

TEST_CASE("a micro-batch that is left out, repeated or out of order is found") {
    CHECK(found_in([](auto& s) { erase(s, 1, action::forward, 1); }) == fault::too_early);
    CHECK(found_in([](auto& s) { erase(s, 0, action::send_activation, 1); }) == fault::overwrites);
    CHECK(found_in([](auto& s) { find(s, 1, action::backward, 2).micro_batch = 1; }) == fault::out_of_order);
    CHECK(found_in([](auto& s) {
              std::swap(find(s, 2, action::forward, 1).micro_batch, find(s, 2, action::forward, 2).micro_batch);
          }) == fault::out_of_order);
    // The paper's order back, last micro-batch first: gradients would be summed in another order.
    CHECK(found_in(pipeline::gpipe{}, [](auto& s) {
              for (auto& stage : s.stages)
                  for (task& each : stage.tasks)
                      if (each.what >= action::receive_gradient) each.micro_batch = 3 - each.micro_batch;
          }).what == fault::out_of_order);
}

TEST_CASE("a stage that ends too soon is found") {
    CHECK(found_in([](auto& s) { tasks_of(s, 0).pop_back(); }) == fault::incomplete);
    CHECK(found_in([](auto& s) { tasks_of(s, 1).pop_back(); }) == fault::incomplete);
    CHECK(found_in([](auto& s) { tasks_of(s, 2).clear(); }) == fault::incomplete);
}

TEST_CASE("work and sends before what they need are found") {
    CHECK(found_in([](auto& s) { move_before(s, 1, action::forward, 0, action::receive_activation, 0); }) == fault::too_early);
    CHECK(found_in([](auto& s) { move_before(s, 0, action::send_activation, 1, action::forward, 1); }) == fault::too_early);
    CHECK(found_in([](auto& s) { move_before(s, 2, action::backward, 0, action::forward, 0); }) == fault::too_early);
    CHECK(found_in([](auto& s) { move_before(s, 1, action::backward, 3, action::receive_gradient, 3); }) == fault::too_early);
    CHECK(found_in([](auto& s) { move_before(s, 1, action::send_gradient, 3, action::backward, 3); }) == fault::too_early);
}

TEST_CASE("an activation that comes in, or is made, over one not yet used is found") {
    CHECK(found_in([](auto& s) { move_before(s, 1, action::receive_activation, 1, action::forward, 0); }) == fault::overwrites);
    CHECK(found_in([](auto& s) { move_before(s, 0, action::forward, 1, action::send_activation, 0); }) == fault::overwrites);
    CHECK(found_in(pipeline::gpipe{}, [](auto& s) { move_before(s, 0, action::receive_gradient, 1, action::backward, 0); }).what ==
          fault::overwrites);
    CHECK(found_in(pipeline::gpipe{}, [](auto& s) {
              move_before(s, 1, action::receive_gradient, 1, action::send_gradient, 0);
              move_before(s, 1, action::backward, 1, action::send_gradient, 0);
          }).what == fault::overwrites);
}

TEST_CASE("stages that wait in a circle are found: neighbours that both send before they receive") {
    auto const found = found_in(pipeline::one_forward_one_backward{}, [](auto& s) {
        for (auto& stage : s.stages) {
            int round = -1;
            for (task& each : stage.tasks) each.round = ++round;
        }
    });
    CHECK(found.what == fault::messages);
    CHECK(found.of_messages.what == tutti::fault::deadlock);
    CHECK(describe(found).starts_with("as messages: rank"));
}

TEST_CASE("1F1B whose neighbours do not exchange at the same time would wait in a circle for shapes, and is found") {
    auto const found = found_in(pipeline::one_forward_one_backward{}, [](auto& s) {
        // Stage 2 first sends the gradient, then receives the next activation.
        int late = 0;
        for (task& each : tasks_of(s, 2)) {
            late += each.what == action::receive_activation && each.micro_batch > 0;
            each.round += late;
        }
    });
    CHECK(found.what == fault::messages);
    CHECK(found.of_messages.what == tutti::fault::deadlock);
}

TEST_CASE("more micro-batches in flight than a policy may have are found") {
    struct greedy : pipeline::gpipe {
        static constexpr int in_flight(pipeline::shape const& of, int stage) {
            return pipeline::one_forward_one_backward::in_flight(of, stage);
        }
    };
    CHECK(pipeline::verify(greedy{}, {3, 3}).what == fault::too_many_in_flight);
    CHECK(pipeline::verify(greedy{}, {3, 3}).stage == 1);
    CHECK(pipeline::verify(greedy{}, {1, 1}));
}

TEST_CASE("a verdict says where, and what") {
    auto const found = found_in(pipeline::gpipe{}, [](auto& s) { erase(s, 1, action::forward, 1); });
    CHECK(found.stage == 1);
    CHECK(describe(found) == "stage 1, task 4: comes before what it needs");
}
