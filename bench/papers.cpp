// Figures that papers publish, beside what tutti's own schedules, policies and codecs come to when they are counted.
#include "papers.hpp"

#include "../examples/command_line.hpp"

#include <cstddef>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

namespace {

struct settings {
    int stages = 4, micro_batches = 8;
    double forward = 1, backward = 2;
    std::vector<int> ring_ranks{2, 4, 8, 16}, sharded_ranks{1, 4, 64}, low_ranks{1, 2, 4};
    std::size_t ring_parameters = 25'557'032, sharded_parameters = 7'500'000'000;
    std::string blocks;
};

void pipelines(settings const& wanted) {
    tutti::pipeline::shape const shape{wanted.stages, wanted.micro_batches};
    tutti::pipeline::costs const cost{wanted.forward, wanted.backward};
    std::printf("pipelines: %d stages, %d micro-batches, forward %g, backward %g\n", shape.stages, shape.micro_batches,
                cost.forward, cost.backward);
    std::printf("idle slots of each stage until the last one is done: (p - 1) (forward + backward) = %g as published\n",
                (shape.stages - 1) * (cost.forward + cost.backward));
    auto tell = [&](char const* name, papers::pipeline_figures const& counted, char const* published) {
        std::printf("  %-26s idle %g to %g; most micro-batches in flight %d (published: %s)\n", name, counted.least_idle,
                    counted.most_idle, counted.in_flight, published);
    };
    tell("gpipe", papers::count_pipeline(tutti::pipeline::gpipe{}, shape, cost), "m");
    tell("one_forward_one_backward", papers::count_pipeline(tutti::pipeline::one_forward_one_backward{}, shape, cost), "p");
}

void ring(settings const& wanted) {
    std::printf("\nring all-reduce of %zu floats: bytes that a rank sends, 2 (p - 1) / p n as published\n", wanted.ring_parameters);
    for (int const ranks : wanted.ring_ranks)
        std::printf("  %3d ranks %12.1f MB\n", ranks,
                    static_cast<double>(papers::count_ring(ranks, wanted.ring_parameters, sizeof(float))) / 1e6);
}

void sharded(settings const& wanted) {
    std::printf("\nZeRO-1, %.4g parameters in half precision, Adam: bytes that a rank holds, 4 n + 12 n / p as published\n",
                static_cast<double>(wanted.sharded_parameters));
    for (int const ranks : wanted.sharded_ranks)
        std::printf("  %3d ranks %12.2f GB\n", ranks,
                    static_cast<double>(papers::count_sharded(ranks, wanted.sharded_parameters, tutti::optim::adam{})) / 1e9);
}

void power_sgd(settings const& wanted) {
    std::printf("\nPowerSGD: how many times smaller the gradients are that travel\n");
    auto tell = [&](char const* name, std::vector<tutti::block_form> const& blocks, char const* published) {
        std::printf("  %-10s %7.1f MiB", name, static_cast<double>(tutti::bytes_of(blocks)) / (1 << 20));
        for (int const rank : wanted.low_ranks) std::printf("   rank %d: %6.1f", rank, papers::count_power_sgd(blocks, rank));
        std::printf("   %s\n", published);
    };
    if (!wanted.blocks.empty()) return tell("given", papers::parse_blocks(wanted.blocks), "");
    tell("ResNet-18", papers::resnet18().blocks, "(published: 43 MB; 243 at rank 1)");
    tell("LSTM", papers::lstm().blocks, "(published: 110 MB; 310 at rank 1)");
}

}  // namespace

int main(int argc, char** argv) try {
    settings wanted;
    CLI::App app{"Figures that papers publish, counted on the schedules, policies and codecs that tutti runs."};
    app.option_defaults()->always_capture_default();
    app.add_option("--stages", wanted.stages, "of the pipelines")->check(CLI::Range(1, 64));
    app.add_option("--micro-batches", wanted.micro_batches, "of the pipelines' step")->check(CLI::Range(1, 256));
    app.add_option("--forward", wanted.forward, "slots of a micro-batch's way forward")->check(CLI::Range(1e-9, 1e9));
    app.add_option("--backward", wanted.backward, "and of its way back")->check(CLI::Range(1e-9, 1e9));
    app.add_option("--ring-ranks", wanted.ring_ranks, "of the ring")->check(CLI::Range(1, 1024))->delimiter(',');
    app.add_option("--ring-parameters", wanted.ring_parameters, "floats that the ring sums")
        ->check(CLI::Range(std::size_t{0}, papers::most_parameters));
    app.add_option("--sharded-ranks", wanted.sharded_ranks, "of ZeRO-1")->check(CLI::Range(1, 65536))->delimiter(',');
    app.add_option("--sharded-parameters", wanted.sharded_parameters, "parameters of ZeRO-1's model")
        ->check(CLI::Range(std::size_t{0}, papers::most_parameters));
    app.add_option("--low-ranks", wanted.low_ranks, "ranks of PowerSGD's matrices")->check(CLI::Range(1, 1'000'000))->delimiter(',');
    app.add_option("--blocks", wanted.blocks, "matrices and vectors to compress in place of the papers' nets: 512x4608,10x512,10");
    CLI11_PARSE(app, argc, argv);
    pipelines(wanted), ring(wanted), sharded(wanted), power_sgd(wanted);
} catch (std::exception const& problem) {
    std::fprintf(stderr, "papers: %s\n", problem.what());
    return 1;
}
