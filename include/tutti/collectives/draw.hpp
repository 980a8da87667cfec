#pragma once

#include <tutti/collectives/matching.hpp>
#include <tutti/collectives/schedule.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tutti {

/// What a schedule is made for, in words: "broadcast of 12 elements from rank 0, 4 ranks".
template <class = void>
std::string describe(schedule_shape const& shape) {
    std::string text{name(shape.kind)};
    auto const kind = shape.kind;
    auto number = [](auto value, std::string const& of) { return std::to_string(value) + of + (value == 1 ? "" : "s"); };
    if (kind != collective::barrier) text += " of " + number(shape.count, " element");
    if (kind == collective::broadcast || kind == collective::scatter) text += " from rank " + std::to_string(shape.root);
    if (kind == collective::reduce || kind == collective::gather) text += " to rank " + std::to_string(shape.root);
    return text + ", " + number(shape.size, " rank");
}

namespace detail {

/// The number of rounds of the rank that has most.
template <class = void>
int rounds_of(schedule const& what) {
    int most = 0;
    for (auto const& rank : what.ranks) most = std::max(most, rank.rounds());
    return most;
}

/// What a rank does in a round, in signs: ">2 <1+". Peers are left out where they are all there are.
template <class = void>
std::string signs(rank_schedule const& mine, int round, int ranks) {
    std::string sends, receives, own;
    int sent = 0, received = 0, folded = 0;
    for (step const& each : mine.steps) {
        if (each.round != round) continue;
        std::string const end = std::to_string(each.peer) + (each.folds() ? "+" : "") + " ";
        if (!each.transfers()) own = own.empty() || own == (each.folds() ? "+ " : "= ") ? (each.folds() ? "+ " : "= ") : "=+ ";
        else if (each.receives()) receives += "<" + end, ++received, folded += each.folds();
        else sends += ">" + end, ++sent;
    }
    if (ranks > 2 && sent == ranks - 1) sends = ">* ";
    if (ranks > 2 && received == ranks - 1 && (folded == 0 || folded == received)) receives = folded == 0 ? "<* " : "<*+ ";
    std::string all = sends + receives + own;
    if (all.empty()) return ".";
    all.pop_back();
    return all;
}

/// `text` at the right end of `width` characters.
template <class = void>
std::string right(std::string const& text, std::size_t width) {
    return std::string(width - std::min(width, text.size()), ' ') + text;
}

}  // namespace detail

/// A schedule as a table in plain text: a line for each round, a column for each rank. Readable for up to 16 ranks or so. Local.
template <class = void>
std::string draw_text(schedule const& what) {
    int const rounds = detail::rounds_of(what);
    std::vector<std::vector<std::string>> table;  // by rank, the heading first
    for (std::size_t rank = 0; rank < what.ranks.size(); ++rank) {
        table.push_back({std::to_string(rank)});
        for (int round = 0; round < rounds; ++round)
            table.back().push_back(detail::signs(what.ranks[rank], round, what.shape.size));
    }
    std::string text = describe(what.shape) + "\n\n";
    for (std::size_t line = 0; line <= static_cast<std::size_t>(rounds); ++line) {
        text += detail::right(line == 0 ? "round" : std::to_string(line - 1), 5) + (line == 0 ? "  rank" : "      ");
        for (auto const& column : table) {
            std::size_t width = 0;
            for (auto const& cell : column) width = std::max(width, cell.size());
            text += "  " + detail::right(column[line], width);
        }
        text += "\n";
    }
    return text + "\n>k sends to k   <k receives from k   <k+ folds what comes from k   = copies   + folds   * all others\n";
}

/// A schedule as a drawing, a whole SVG document: a lane for each rank, a column for each round, an arrow for each message from
/// the round in which it is sent to that in which it is received. Local.
template <class = void>
std::string draw_svg(schedule const& what) {
    constexpr int wide = 96, high = 40, left = 80, top = 72;
    int const rounds = std::max(1, detail::rounds_of(what)), ranks = static_cast<int>(what.ranks.size());
    int const width = std::max(left + rounds * wide + 24, 560), bottom = top + std::max(0, ranks - 1) * high + 32;
    auto number = [](int value) { return std::to_string(value); };
    auto lane = [&](int rank) { return top + rank * high; };
    auto column = [&](int round) { return left + round * wide; };
    std::string svg;
    auto text = [&](int x, int y, std::string_view style, std::string const& words) {
        svg += "<text class=\"" + std::string{style} + "\" x=\"" + number(x) + "\" y=\"" + number(y) + "\">" + words + "</text>\n";
    };
    auto line = [&](std::string const& style, int x, int y, int to_x, int to_y, std::string_view head = {}) {
        svg += "<line class=\"" + style + "\" x1=\"" + number(x) + "\" y1=\"" + number(y) + "\" x2=\"" + number(to_x) + "\" y2=\"" +
               number(to_y) + "\"";
        if (!head.empty()) svg += " marker-end=\"url(#" + std::string{head} + ")\"";
        svg += "/>\n";
    };
    auto dot = [&](std::string_view style, int x, int y) {
        svg += "<circle class=\"" + std::string{style} + "\" cx=\"" + number(x) + "\" cy=\"" + number(y) + "\" r=\"5\"/>\n";
    };
    auto head = [&](std::string_view style, std::string_view colour) {
        svg += "<marker id=\"" + std::string{style} + "\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" " +
               "markerWidth=\"6\" markerHeight=\"6\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"" + std::string{colour} + "\"/></marker>\n";
    };
    svg += "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + number(width) + "\" height=\"" + number(bottom + 44) +
           "\" viewBox=\"0 0 " + number(width) + " " + number(bottom + 44) + "\">\n<title>" + describe(what.shape) + "</title>\n";
    svg += "<style>text{font:13px sans-serif;fill:#333}.middle{text-anchor:middle}.lane{stroke:#bbb}.round{stroke:#eee}"
           ".move{stroke:#1f77b4;stroke-width:1.5}.fold{stroke:#d95f02;stroke-width:1.5}circle.move{fill:#1f77b4}"
           "circle.fold{fill:#d95f02}</style>\n<defs>\n";
    head("move", "#1f77b4");
    head("fold", "#d95f02");
    svg += "</defs>\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
    text(16, 24, "title", describe(what.shape));
    for (int round = 0; round < rounds; ++round) {
        line("round", column(round), top - 16, column(round), bottom - 16);
        text(column(round) + wide / 2, top - 22, "middle", number(round));
    }
    for (int rank = 0; rank < ranks; ++rank) {
        text(16, lane(rank) + 4, "rank", "rank " + number(rank));
        line("lane", left, lane(rank), column(rounds), lane(rank));
    }
    for (auto const& each : match_messages(what)) {
        step const& send = what.ranks[static_cast<std::size_t>(each.from)].steps[each.send];
        step const& receive = what.ranks[static_cast<std::size_t>(each.to)].steps[each.receive];
        std::string const kind = receive.folds() ? "fold" : "move";
        line("message " + kind, column(send.round) + 10, lane(each.from), column(receive.round) + wide - 10, lane(each.to), kind);
    }
    for (int rank = 0; rank < ranks; ++rank)
        for (step const& each : what.ranks[static_cast<std::size_t>(rank)].steps)
            if (!each.transfers()) dot(each.folds() ? "fold" : "move", column(each.round) + wide / 2, lane(rank));
    int const x = 16, y = bottom + 20;
    line("move", x, y, x + 36, y, "move");
    text(x + 44, y + 4, "legend", "message");
    line("fold", x + 120, y, x + 156, y, "fold");
    text(x + 164, y + 4, "legend", "message, folded on arrival");
    dot("move", x + 348, y);
    text(x + 360, y + 4, "legend", "own copy");
    dot("fold", x + 438, y);
    text(x + 450, y + 4, "legend", "own fold");
    return svg + "</svg>\n";
}

}  // namespace tutti
