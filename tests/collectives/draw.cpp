#include <tutti/collectives/algorithms.hpp>
#include <tutti/collectives/draw.hpp>
#include <tutti/collectives/schedule.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

using namespace tutti;

namespace {

/// Whether a document without entities, comments or `>` in attributes is well-formed XML: one root, each element that opens
/// closes in turn, and attributes are name="value" with no name twice.
bool well_formed(std::string_view text) {
    std::vector<std::string> open;
    bool rooted = false;
    for (std::size_t at = 0; at < text.size();) {
        if (text[at] != '<') {
            if (text[at] == '&' || text[at] == '>') return false;
            if (open.empty() && std::isspace(static_cast<unsigned char>(text[at])) == 0) return false;
            ++at;
            continue;
        }
        std::size_t const end = text.find('>', at);
        if (end == text.npos) return false;
        std::string_view tag = text.substr(at + 1, end - at - 1);
        at = end + 1;
        if (tag.starts_with('/')) {
            if (open.empty() || open.back() != tag.substr(1)) return false;
            open.pop_back();
            continue;
        }
        if (open.empty() && rooted) return false;
        rooted = true;
        bool const closes = tag.ends_with('/');
        if (closes) tag.remove_suffix(1);
        std::size_t const space = std::min(tag.find(' '), tag.size());
        if (!closes) open.emplace_back(tag.substr(0, space));
        std::vector<std::string> names;
        for (tag.remove_prefix(space); !tag.empty();) {
            if (tag[0] != ' ') return false;
            std::size_t const equals = tag.find("=\""), close = equals == tag.npos ? tag.npos : tag.find('"', equals + 2);
            if (close == tag.npos) return false;
            names.emplace_back(tag.substr(1, equals - 1));
            if (names.back().empty() || names.back().find_first_of(" \"<") != std::string::npos) return false;
            if (tag.substr(equals, close - equals).find('<') != tag.npos) return false;
            tag.remove_prefix(close + 1);
        }
        std::sort(names.begin(), names.end());
        if (std::adjacent_find(names.begin(), names.end()) != names.end()) return false;
    }
    return rooted && open.empty();
}

std::size_t occurrences(std::string_view text, std::string_view of) {
    std::size_t count = 0;
    for (std::size_t at = text.find(of); at != text.npos; at = text.find(of, at + of.size())) ++count;
    return count;
}

}  // namespace

TEST_CASE("a small schedule is drawn in text as it should be") {
    CHECK(draw_text(make_schedule(algorithm::binomial{}, {collective::broadcast, 4, 12, 0})) ==
          "broadcast of 12 elements from rank 0, 4 ranks\n"
          "\n"
          "round  rank   0   1   2   3\n"
          "    0         .   .   .   .\n"
          "    1        >2   .  <0   .\n"
          "    2        >1  <0  >3  <2\n"
          "\n"
          ">k sends to k   <k receives from k   <k+ folds what comes from k   = copies   + folds   * all others\n");
}

TEST_CASE("folds, copies, local folds and messages to all have their signs") {
    CHECK(draw_text(make_schedule(algorithm::ring{}, {collective::reduce_scatter, 3, 12, 0})) ==
          "reduce_scatter of 12 elements, 3 ranks\n"
          "\n"
          "round  rank       0       1       2\n"
          "    0             =       =       =\n"
          "    1        >1 <2+  >2 <0+  >0 <1+\n"
          "    2        >1 <2+  >2 <0+  >0 <1+\n"
          "    3             =       =       =\n"
          "\n"
          ">k sends to k   <k receives from k   <k+ folds what comes from k   = copies   + folds   * all others\n");
    CHECK(draw_text(make_schedule(algorithm::one_shot{}, {collective::all_reduce, 3, 1, 0})) ==
          "all_reduce of 1 element, 3 ranks\n"
          "\n"
          "round  rank      0      1      2\n"
          "    0            =      =      =\n"
          "    1        >* <*  >* <*  >* <*\n"
          "    2            =      =      =\n"
          "    3            +      +      +\n"
          "    4            +      +      +\n"
          "\n"
          ">k sends to k   <k receives from k   <k+ folds what comes from k   = copies   + folds   * all others\n");
}

TEST_CASE("every known schedule has a well-formed drawing with one arrow for each message, those that fold apart") {
    for (algorithm_id const which : algorithm_ids)
        for (collective const kind : {collective::barrier, collective::broadcast, collective::reduce, collective::all_reduce,
                                      collective::reduce_scatter, collective::gather, collective::all_gather, collective::scatter,
                                      collective::all_to_all})
            for (int const ranks : {1, 2, 5, 8}) {
                if (!makes(which, kind)) continue;
                auto const whole = make_schedule(which, {kind, ranks, kind == collective::barrier ? 0u : 7u, 0});
                std::size_t sends = 0, folds = 0, own = 0;
                for (auto const& rank : whole.ranks)
                    for (step const& each : rank.steps) {
                        sends += each.what == step::action::send;
                        folds += each.receives() && each.folds();
                        own += !each.transfers();
                    }
                auto const svg = draw_svg(whole);
                INFO(name(which), " ", describe(whole.shape));
                CHECK(well_formed(svg));
                CHECK(occurrences(svg, "class=\"message ") == sends);
                CHECK(occurrences(svg, "class=\"message fold\"") == folds);
                CHECK(occurrences(svg, "<circle ") == own + 2);  // and two in the legend
                CHECK(occurrences(svg, "class=\"lane\"") == static_cast<std::size_t>(ranks));
            }
}

TEST_CASE("the check of well-formedness sees what is not") {
    CHECK(well_formed("<a b=\"1\"><c/>text</a>\n"));
    for (auto const wrong : {"", "text", "<a>", "<a></b>", "<a/><b/>", "<a b=1/>", "<a b=\"1\" b=\"2\"/>", "<a><b></a></b>", "<a>&</a>"}) {
        INFO(wrong);
        CHECK_FALSE(well_formed(wrong));
    }
}
