// A collective algorithm as data: checked, priced and drawn. Try: schedules double_tree --ranks 8 --svg tree.svg
#include "command_line.hpp"

#include <tutti/tutti.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

int main(int argc, char** argv) try {
    std::vector<std::string> algorithms, kinds;
    for (auto const id : tutti::algorithm_ids) algorithms.emplace_back(tutti::name(id));
    for (int k = 1; k <= static_cast<int>(tutti::collective::all_to_all); ++k)
        kinds.emplace_back(tutti::name(static_cast<tutti::collective>(k)));
    CLI::Validator const price{[](std::string const& text) {
                                   double value = -1;
                                   bool const fits = CLI::detail::lexical_cast(text, value) && value >= 0 && std::isfinite(value);
                                   return fits ? std::string{} : "'" + text + "' is no price";
                               },
                               ""};

    std::string by, kind, svg;
    tutti::schedule_shape shape{.size = 8, .count = 64};
    tutti::alpha_beta_gamma model{.alpha = 2, .beta = 1e-4, .gamma = 5e-5};  // microseconds
    CLI::App app{"Checks, prices and draws what every rank does in a collective.\n", "schedules"};
    app.option_defaults()->always_capture_default();
    app.add_option("algorithm", by, "by which")->required()->check(CLI::IsMember{algorithms})->default_str("");
    app.add_option("--collective", kind, "one that it makes [the first]")->check(CLI::IsMember{kinds})->default_str("");
    app.add_option("--ranks", shape.size, "that take part")->check(CLI::Range(1, 64));
    app.add_option("--count", shape.count, "4-byte elements in one part")->check(CLI::Range(0, 1'000'000));
    app.add_option("--root", shape.root, "where there is one")->check(CLI::Range(0, 63));
    app.add_option("--alpha", model.alpha, "microseconds per message")->check(price)->type_name("X");
    app.add_option("--beta", model.beta, "microseconds per byte sent")->check(price)->type_name("X");
    app.add_option("--gamma", model.gamma, "microseconds per byte folded")->check(price)->type_name("X");
    app.add_option("--svg", svg, "write a drawing too")->type_name("FILE");
    try {
        app.parse(argc, argv);
        if (shape.root >= shape.size) throw CLI::ValidationError{"--root", "is a rank, less than --ranks"};
    } catch (CLI::ParseError const& stop) { return app.exit(stop) == 0 ? 0 : 2; }

    tutti::algorithm_id algorithm{};
    for (auto const id : tutti::algorithm_ids)
        if (tutti::name(id) == by) algorithm = id;
    for (std::size_t k = kinds.size(); k > 0; --k)
        if (auto const each = static_cast<tutti::collective>(k); kind.empty() ? makes(algorithm, each) : name(each) == kind)
            shape.kind = each;
    if (shape.kind == tutti::collective::barrier) shape.count = 0;

    auto const schedule = tutti::make_schedule(algorithm, shape);
    // A few elements show all there is to see; many would only take long.
    auto few = shape;
    few.count = std::min(shape.count, static_cast<std::size_t>(shape.size) + 1);
    auto const found = tutti::verify(tutti::make_schedule(algorithm, few), tutti::keeps_order(algorithm));
    std::printf("%s by %s\n", tutti::describe(shape).c_str(), by.c_str());
    std::printf("verified   %s%s\n", tutti::describe(found).c_str(), tutti::keeps_order(algorithm) ? ", in rank order" : "");
    std::printf("predicted  %.3f microseconds\n\n", tutti::price(schedule, model, 4));
    if (shape.size <= 16) std::printf("%s", tutti::draw_text(schedule).c_str());
    if (!svg.empty() && !(std::ofstream{svg} << tutti::draw_svg(schedule))) throw std::runtime_error{"cannot write " + svg};
    return found ? 0 : 1;
} catch (std::exception const& problem) {
    std::fprintf(stderr, "schedules: %s\n", problem.what());
    return 2;
}
