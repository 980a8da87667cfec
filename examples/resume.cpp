// A training that resumes in the middle of an epoch. Prints: resumed at step 40, the same bits
#include "line.hpp"

#include <tutti/tutti.hpp>

#include <array>
#include <cstdint>
#include <cstdio>
#include <istream>
#include <ostream>
#include <span>
#include <sstream>
#include <vector>

/// What this rank needs to go on after this step.
void save(auto& trainer, tutti::step_report const& now, std::ostream& out) {
    auto put = [&](auto block) { out.write(reinterpret_cast<char const*>(block.data()), std::streamsize(block.size_bytes())); };
    bool const last = now.step == now.steps;
    std::array const position{now.epoch + last, trainer.steps(), last ? 0 : std::int64_t(now.step)};
    put(std::span{position});
    tutti::for_each_block(tutti::parameters_of(trainer.model()), put);
    for (auto const bytes : trainer.state()) put(bytes);
}

/// The steps of the next epoch that are done already.
std::size_t load(auto& trainer, std::istream& in) {
    auto get = [&](auto block) { in.read(reinterpret_cast<char*>(block.data()), std::streamsize(block.size_bytes())); };
    std::array<std::int64_t, 3> position{};
    get(std::span{position});
    tutti::for_each_block(tutti::parameters_of(trainer.model()), get);
    for (auto const bytes : trainer.state()) get(bytes);
    trainer.epoch(position[0]), trainer.steps(position[1]);
    return static_cast<std::size_t>(position[2]);
}

auto trainer_for(auto& world) {
    return tutti::data_parallel_trainer{world, line{}, tutti::partition::shuffled{.seed = 1}, tutti::sync::all_reduce{},
                                        tutti::optim::scheduled{tutti::optim::adam{}, tutti::optim::rate::cosine{.steps = 80}}};
}

int main() {
    std::vector<point> data;
    for (float x = -1; x < 1; x += 0.002f) data.push_back({x, 3 * x + 2});
    bool same = false;
    tutti::launch<tutti::comm::threads>(4, [&](auto& world) {
        std::stringstream file;  // one per rank
        auto through = trainer_for(world);
        through.after_step([&](tutti::step_report const& now) {
            if (through.steps() == 40) save(through, now, file);
        });
        for (int epoch = 0; epoch < 5; ++epoch) through.run_epoch(data, {.batch = 64});

        auto trainer = trainer_for(world);
        std::size_t first_step = load(trainer, file);
        for (; trainer.epoch() < 5; first_step = 0) trainer.run_epoch(data, {.batch = 64, .first_step = first_step});
        if (world.rank() == 0) same = file.good() && trainer.model().weights == through.model().weights;
    });
    std::printf("resumed at step 40, %s bits\n", same ? "the same" : "other");
    return same ? 0 : 1;
}
