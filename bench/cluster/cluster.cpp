// Times the sum of floats, in place, over several hosts: MPI's own flat all-reduce, and tutti's on comm::hierarchical; in the same
// run, turn by turn. Run by `run`, over hosts made of network namespaces; or by mpirun.
#include "../peers/mpi_version.hpp"
#include "../report.hpp"
#include "../sizes.hpp"
#include "../timing.hpp"
#include "../../examples/command_line.hpp"

#include <tutti/comm/hierarchical.hpp>
#include <tutti/comm/mpi.hpp>
#include <tutti/tutti.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <functional>
#include <optional>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct options {
    bench::sizes sizes{.from = 4 << 10, .to = 16 << 20, .factor = 4};
    int repeats = 21;
    double seconds = 10;
    std::string link = "eth0", json;
};

struct contender {
    std::string name;
    std::function<void(std::span<float>)> all_reduce;
};

/// What one contender took at one size: per repeat, the time of the slowest rank, and what the busiest link carried.
struct times {
    std::vector<double> microseconds, sent;
};

/// Bytes that this host has sent by `link` so far; 0 where it has none of that name.
double bytes_sent(std::string const& link) {
    std::ifstream links{"/proc/self/net/dev"};
    for (std::string line; std::getline(links, line);) {
        auto const colon = line.find(':');
        if (colon == line.npos || line.substr(0, colon).substr(line.find_first_not_of(' ')) != link) continue;
        std::istringstream numbers{line.substr(colon + 1)};
        double bytes = 0;
        for (int column = 0; column < 9; ++column) numbers >> bytes;
        return bytes;
    }
    return 0;
}

/// What hosts.sh says that a link carries; none where it is unlimited, or did not start this.
std::optional<double> bits_per_second() {
    char const* const rate = std::getenv("TUTTI_LINK_RATE");
    char* unit = nullptr;
    double const number = rate ? std::strtod(rate, &unit) : 0;
    if (number == 0) return {};
    return number * (*unit == 'k' ? 1e3 : *unit == 'm' ? 1e6 : *unit == 'g' ? 1e9 : *unit == 't' ? 1e12 : 1);
}

void largest_of_all(MPI_Comm group, std::vector<double>& values) {
    MPI_Allreduce(MPI_IN_PLACE, values.data(), static_cast<int>(values.size()), MPI_DOUBLE, MPI_MAX, group);
}

/// One call: its time on the slowest rank, in microseconds, and what the busiest link carried. Collective.
/// Throws if the sum is wrong.
std::vector<double> take(MPI_Comm group, contender const& who, std::span<float> values, std::string const& link) {
    int rank = 0, size = 0;
    MPI_Comm_rank(group, &rank);
    MPI_Comm_size(group, &size);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>((static_cast<std::size_t>(rank) + i) % 97);
    MPI_Barrier(group);
    double const sent_before = bytes_sent(link);
    MPI_Barrier(group);
    auto const start = bench::clock::now();
    who.all_reduce(values);
    double const seconds = bench::seconds_since(start);
    MPI_Barrier(group);
    std::vector<double> taken{1e6 * seconds, bytes_sent(link) - sent_before};
    for (std::size_t i = 0; i < values.size(); i += std::max<std::size_t>(values.size() / 64, 1)) {
        float wanted = 0;
        for (int r = 0; r < size; ++r) wanted += static_cast<float>((static_cast<std::size_t>(r) + i) % 97);
        if (values[i] != wanted) throw std::runtime_error{who.name + ": the sum is wrong"};
    }
    largest_of_all(group, taken);
    return taken;
}

/// Contenders take turns, in a new order in every repeat, until there are enough repeats or time is up, but at least 3. Collective.
std::vector<times> measure(MPI_Comm group, std::vector<contender> const& contenders, std::span<float> values,
                           options const& wanted) {
    std::vector<times> all(contenders.size());
    auto const start = bench::clock::now();
    for (int repeat = -1; repeat < wanted.repeats; ++repeat) {
        std::vector<double> elapsed{bench::seconds_since(start)};
        largest_of_all(group, elapsed);
        if (repeat >= 3 && elapsed[0] > wanted.seconds) break;
        for (std::size_t k = 0; k < contenders.size(); ++k) {
            std::size_t const turn = (k + static_cast<std::size_t>(repeat + 1)) % contenders.size();
            auto const taken = take(group, contenders[turn], values, wanted.link);
            if (repeat < 0) continue;  // connections are made, pages touched
            all[turn].microseconds.push_back(taken[0]);
            all[turn].sent.push_back(taken[1] / static_cast<double>(values.size_bytes()));
        }
    }
    return all;
}

void print_header(std::vector<contender> const& contenders) {
    std::printf("\n%10s  %10s", "bytes", "least us");
    for (auto const& who : contenders) std::printf("  | %24s", who.name.c_str());
    std::printf("\n%10s  %10s", "", "");
    for (std::size_t k = 0; k < contenders.size(); ++k) std::printf("  | %10s %6s %6s", "us", "sent", k == 0 ? "" : "ratio");
    std::printf("\n");
}

/// @param  share  bytes that some link must carry for each byte that is summed
void print(std::size_t bytes, double share, std::vector<times> const& all) {
    std::printf("%10zu", bytes);
    if (auto const rate = bits_per_second()) std::printf("  %10.0f", 8e6 * share * static_cast<double>(bytes) / *rate);
    else std::printf("  %10s", "");
    for (auto const& each : all) {
        std::printf("  | %10.0f %6.2f", bench::median(each.microseconds), bench::median(each.sent));
        if (&each == &all[0]) std::printf(" %6s", "");
        else std::printf(" %6.2f", bench::median_ratio(each.microseconds, all[0].microseconds));
    }
    std::printf("\n");
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    options wanted;
    bool quick = false;
    CLI::App app{"Times the sum of floats, in place, over several hosts: MPI's flat all-reduce, and tutti's on comm::hierarchical. "
                 "They take "
                 "turns in every repeat; ratios are medians over repeats."};
    app.option_defaults()->always_capture_default();
    bench::add_sizes(app, wanted.sizes);
    app.add_option("--repeats", wanted.repeats, "turns of every contender per size")->check(CLI::PositiveNumber);
    app.add_option("--seconds", wanted.seconds, "begin no more repeats of a size after so long")->check(CLI::PositiveNumber);
    app.add_option("--link", wanted.link, "whose bytes to count on each host");
    app.add_option("--json", wanted.json, "write all measurements to this file")->check(bench::cannot_write);
    app.add_flag("--quick", quick, "few sizes and turns: shows that it works, measures little");
    CLI11_PARSE(app, argc, argv);
    auto& [from, to, factor] = wanted.sizes;
    if (quick) to = std::clamp<std::size_t>(256 << 10, from, to), factor = 64, wanted.repeats = 3;

    using comm = tutti::comm::hierarchical<tutti::comm::mpi>;
    tutti::launch<tutti::comm::mpi>([&](tutti::comm::mpi& flat) {
        comm world{flat};
        std::vector<float> memory(to / sizeof(float));
        std::vector<contender> const contenders{
            {"MPI",
             [&](std::span<float> values) {
                 MPI_Allreduce(MPI_IN_PLACE, values.data(), static_cast<int>(values.size()), MPI_FLOAT, MPI_SUM, flat.native());
             }},
            {"hierarchical", [&](std::span<float> values) { tutti::all_reduce(world, values); }}};

        bool const speaks = flat.rank() == 0;
        int const hosts = world.hosts();
        double const share = 2.0 * (hosts - 1) / hosts;
        nlohmann::json report{{"bench", "cluster"},
                              {"machine", bench::machine()},
                              {"mpi", bench::mpi_version()},
                              {"hosts", hosts},
                              {"ranks", flat.size()}};
        if (speaks) {
            bench::print(report["machine"]);
            std::printf("%s, %d ranks on %d hosts\n", bench::mpi_version().c_str(), flat.size(), hosts);
            std::printf("us: median on the slowest rank; ratio: to MPI; sent: by the busiest link, in sizes, at least %.2f, which "
                        "takes the least us\n",
                        share);
            print_header(contenders);
        }
        for (std::size_t bytes = from; bytes <= to; bytes *= factor) {
            auto const all = measure(flat.native(), contenders, std::span{memory}.first(bytes / sizeof(float)), wanted);
            if (!speaks) continue;
            print(bytes, share, all);
            for (std::size_t k = 0; k < contenders.size(); ++k)
                report["rows"].push_back({{"bytes", bytes},
                                          {"who", contenders[k].name},
                                          {"slowest_rank_us", all[k].microseconds},
                                          {"sent_by_busiest_link", all[k].sent}});
        }
        if (speaks) bench::write(wanted.json, report);
    });
}
