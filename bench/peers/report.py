"""What the measurements say: tables, and whether goals are met."""
import dataclasses
import pathlib
import statistics
import textwrap

from sizes import KiB, MiB, show

OURS = "tutti.threads"
COLLECTIVES = ["all_reduce", "reduce_scatter", "all_gather", "broadcast", "all_to_all"]


def number(value):
    """Three digits, without exponents."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def bus_share(collective, ranks):
    """Bytes that a rank must send per byte of its larger buffer."""
    return {"all_reduce": 2 * (ranks - 1) / ranks, "broadcast": 1}.get(collective, (ranks - 1) / ranks)


@dataclasses.dataclass(frozen=True, order=True)
class Point:
    collective: str
    ranks: int
    rotating: bool
    bytes: int

    def __str__(self):
        return f"{self.collective}, {self.ranks} ranks, {show(self.bytes)}, {'rotating buffers' if self.rotating else 'one buffer'}"


class Comparison:
    def __init__(self, results):
        self.results, self.versions, self.rows = results, {}, {}
        for row in results["rows"]:
            point = Point(row["collective"], row["ranks"], row["buffers"] > 1, row["bytes"])
            self.rows.setdefault(point, {}).setdefault(row["peer"], {})[row["round"]] = row
            self.versions[row["peer"]] = row["version"]
        self.peers = sorted(self.versions, key=lambda peer: (peer != OURS, not peer.startswith("tutti."), peer))

    def points(self, collective, ranks, rotating):
        return sorted(p for p in self.rows if (p.collective, p.ranks, p.rotating) == (collective, ranks, rotating))

    def has(self, point, peer):
        return peer in self.rows.get(point, {})

    def value(self, point, peer, what="median_us"):
        return statistics.median(row[what] for row in self.rows[point][peer].values())

    def ratios(self, point, slower, faster):
        """In every round that both took part in: how many times as long the one took as the other."""
        a, b = self.rows[point][slower], self.rows[point][faster]
        return [a[round]["median_us"] / b[round]["median_us"] for round in a if round in b]

    def ratio(self, point, slower, faster):
        ratios = self.ratios(point, slower, faster) if self.has(point, slower) and self.has(point, faster) else []
        return statistics.median(ratios) if ratios else None

    def tables(self):
        """Of each collective, ranks and kind of buffers: a title, headings and lines of cells."""
        for collective in COLLECTIVES:
            for ranks in sorted({point.ranks for point in self.rows}):
                for rotating in (False, True):
                    points = self.points(collective, ranks, rotating)
                    if points:
                        title = f"{collective}, {ranks} ranks, {'rotating buffers' if rotating else 'one buffer'}"
                        others = [peer for peer in self.peers if peer != OURS]
                        headings = ["bytes", OURS, "p99", "alg GB/s", "bus GB/s", *others]
                        yield title, headings, [self.line(point, others) for point in points]

    def line(self, point, others):
        cells = [show(point.bytes)] + [""] * 4
        if self.has(point, OURS):
            median = self.value(point, OURS)
            rate = point.bytes / median / 1000
            share = bus_share(point.collective, point.ranks)
            cells[1:] = map(number, [median, self.value(point, OURS, "p99_us"), rate, rate * share])
        for peer in others:
            ratio = self.ratio(point, peer, OURS)
            median = number(self.value(point, peer)) if self.has(point, peer) else ""
            cells.append(f"{median} ({number(ratio)}x)" if ratio else median)
        return cells


@dataclasses.dataclass(frozen=True)
class Goal:
    """`ours` is at least `factor` times as fast as each of `peers`, in every point that it covers."""
    ours: str
    peers: str            # the start of their names; empty: all that are not tutti
    factor: float
    least: int = 0        # bytes
    most: int = 1 << 62
    collective: str = ""  # empty: all
    ranks: int = 0        # 0: any

    def covers(self, point):
        return (self.least <= point.bytes <= self.most and self.collective in ("", point.collective)
                and self.ranks in (0, point.ranks))

    def __str__(self):
        where = [self.collective or "every collective", f"{self.ranks} ranks" if self.ranks else "any ranks"]
        if self.least == self.most:
            where.append(show(self.least))
        elif self.least:
            where.append(f"{show(self.least)} to {show(self.most)}" if self.most < 1 << 62 else f"{show(self.least)} and more")
        peers = self.peers or "any peer"
        if self.factor == 1:
            what = f"{self.ours} not slower than {peers}"
        else:
            what = f"{self.ours} at least {self.factor:g} times as fast as {peers}"
        return f"{', '.join(where)}: {what}"


GOALS = [
    Goal(OURS, "", 1.5, 8, 8, "all_reduce", 2),
    Goal(OURS, "", 8, 4 * KiB, 32 * KiB, "all_reduce", 2),
    Goal(OURS, "", 3, 256 * KiB, 16 * MiB, "all_reduce", 2),
    Goal(OURS, "", 1),
    *(Goal(f"tutti.window.{mpi}", mpi, 3, 32 * KiB, 16 * MiB, "all_reduce") for mpi in ("openmpi", "mpich")),
]


def judge(goal, found, rotating):
    """MET, MISSED or not measured, and by how much."""
    worst, count, missed = None, 0, 0
    for point in sorted(found.rows):
        if point.rotating != rotating or not goal.covers(point) or not found.has(point, goal.ours):
            continue
        for peer in found.rows[point]:
            if peer.startswith("tutti.") or not peer.startswith(goal.peers):
                continue
            ratios = found.ratios(point, peer, goal.ours)
            if not ratios:
                continue
            ratio = statistics.median(ratios)
            count += 1
            missed += ratio < goal.factor
            if worst is None or ratio < worst[0]:
                worst = (ratio, point, peer)
    if worst is None:
        return "not measured", ""
    ratio, point, peer = worst
    return ("MISSED" if missed else "MET"), (f"worst {number(ratio)} times as fast as {peer} ({point})"
                                             + (f"; missed in {missed} of {count}" if missed else f"; {count} compared"))


def verdicts(found):
    for goal in GOALS:
        for rotating in (False, True):
            verdict, how = judge(goal, found, rotating)
            if verdict == "not measured" and rotating:
                continue  # said once
            yield verdict, f"{goal}, {'rotating buffers' if rotating else 'one buffer'}" if how else str(goal), how


def facts(found):
    results, machine = found.results, found.results["machine"]
    yield (f"{machine['cores']} cores ({machine['processor']}), {machine['system']}, kernel {machine['kernel']}, load "
           f"{results['load_at_start']:.2f} at the start, {results['date']}, {results['seconds']} s")
    yield f"{results['compiler']} {results['flags']}; " + "; ".join(f"{peer}: {found.versions[peer]}" for peer in found.peers)
    for each in results["left_out"]:
        yield each
    for each in results["failed"]:
        yield f"FAILED {each}"


def text(found):
    lines = list(facts(found))
    for title, headings, cells in found.tables():
        widths = [max(map(len, column)) for column in zip(headings, *cells)]
        lines += ["", f"{title}; microseconds, and how many times {OURS}'s"]
        lines += ["  ".join(cell.rjust(width) for cell, width in zip(line, widths)) for line in [headings, *cells]]
    lines += ["", "goals"]
    lines += [f"{verdict:12}  {goal}" + (f"\n{'':14}{how}" if how else "") for verdict, goal, how in verdicts(found)]
    return "\n".join(lines)


def markdown(found, plots):
    """The section of docs/performance.md."""
    results = found.results
    explained = EXPLAINED.format(**results, ours=OURS, s="" if results["rounds"] == 1 else "s")
    if results["rotate"]:
        explained += " " + ROTATING.format(rotating=show(results["rotate"]))
    lines = ["## Beside peers", "", textwrap.fill(explained, 132), ""]
    lines += [f"- {fact}" for fact in facts(found)]
    for title, headings, cells in found.tables():
        lines += ["", f"**{title}**", ""]
        lines += [f"| {' | '.join(line)} |" for line in [headings, ["---"] * len(headings), *cells]]
    lines += ["", "### Goals", "", "| goal | verdict | by how much |", "|---|---|---|"]
    lines += [f"| {goal} | {verdict} | {how} |" for verdict, goal, how in verdicts(found)]
    docs = pathlib.Path(__file__).resolve().parents[2] / "docs"
    shown = [plot.resolve().relative_to(docs) for plot in plots if docs in plot.resolve().parents]
    lines += [""] + [f"![{plot.stem}]({plot})" for plot in shown]
    return "\n".join(lines).rstrip()


EXPLAINED = """\
`{command}`: {rounds} round{s}, in each of which all programs take every point in turn. Each call is timed by itself, behind a
barrier that is not timed, and takes what its slowest rank takes. Medians in microseconds; in brackets how many times as long as
`{ours}` the peer took, the median over the rounds. Bytes are those of a rank's larger buffer. Bandwidth: bytes by time (alg), and
times the share of them that a rank must send (bus): 2(p-1)/p for all_reduce, 1 for broadcast, (p-1)/p else. Gloo and torch talk over TCP,
also within a host."""
ROTATING = "Rotating buffers are taken in turn from {rotating} per rank, so that caches help less."
