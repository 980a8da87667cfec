"""Times of collectives: whether tutti's calls take measurably longer than MPI's on the same buffers."""
import collections
import dataclasses
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "peers"))
import sizes  # noqa: E402

MEASURABLE, TOLD = 1.02, 1.05
VERDICTS = ("MET", "UNDECIDED", "MISSED")  # the better, the earlier


def interval(values):
    """That holds the median of 19 of 20 such samples, whatever their distribution: from its order statistics."""
    ordered = sorted(values)
    out = max(0, math.floor((len(ordered) - 1 - statistics.NormalDist().inv_cdf(0.975) * math.sqrt(len(ordered))) / 2))
    return ordered[out], ordered[-1 - out]


@dataclasses.dataclass
class Look:
    """What one process says of one collective of one size."""
    plain: list  # microseconds, the median of each round's calls
    ours: list

    def __post_init__(self):
        ratios = [ours / plain for ours, plain in zip(self.ours, self.plain)]
        self.ratio = statistics.median(ratios)
        self.low, self.high = interval(ratios)
        self.verdict = "MISSED" if self.low > MEASURABLE else "MET" if self.high <= TOLD else "UNDECIDED"


def measure(start, wanted, bytes, names, environment):
    """Of each collective of each size, what one more process says."""
    command = [*start, str(wanted.milliseconds), str(wanted.block), ",".join(map(str, bytes)), *names]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=3600)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed\n{done.stdout}{done.stderr}")
    for line in done.stdout.splitlines():
        row = json.loads(line)
        yield (row["collective"], row["bytes"]), Look(row["plain_us"], row["tutti_us"])


def looks_at(start, wanted, environment):
    """By collective and size, a list of looks: more than one where the first ones do not meet the goal."""
    found = {point: [look] for point, look in measure(start, wanted, wanted.sizes, wanted.collectives, environment)}
    for _ in range(1, wanted.looks):
        again = collections.defaultdict(list)
        for (collective, size), looks in found.items():
            if all(look.verdict != "MET" for look in looks):
                again[size].append(collective)
        for size, names in again.items():
            for point, look in measure(start, wanted, [size], names, environment):
                found[point].append(look)
    return found


def judge(programs, wanted, environment):
    """Prints a table and the verdicts, and returns the rows."""
    print("Times of calls on 2 ranks that take turns in one process: medians in microseconds on the slowest rank\n")
    print("| MPI | collective | bytes | plain MPI | tutti | ratio | interval | looks | |")
    print("|---|---|---|---|---|---|---|---|---|")
    rows, verdicts = [], []
    for mpi, (launcher, program) in programs.items():
        if not pathlib.Path(program).exists():
            continue
        best = {}
        for (collective, size), looks in looks_at([launcher, "-np", "2", program], wanted, environment).items():
            look = best[f"{collective}, {sizes.show(size)}"] = min(looks, key=lambda each: (VERDICTS.index(each.verdict), each.low))
            print(f"| {mpi} | {collective} | {sizes.show(size)} | {statistics.median(look.plain):.2f} | {statistics.median(look.ours):.2f} "
                  f"| {look.ratio:.3f} | {look.low:.3f} to {look.high:.3f} | {len(looks)} | {look.verdict} |", flush=True)
            rows.append({"mpi": mpi, "collective": collective, "bytes": size, "verdict": look.verdict, "ratio": look.ratio,
                         "interval": [look.low, look.high],
                         "looks": [{"plain_us": each.plain, "tutti_us": each.ours} for each in looks]})
        counts = collections.Counter(look.verdict for look in best.values())
        if not counts:
            sys.exit(f"{mpi}: nothing was measured; --help lists the collectives and sizes there are")
        verdict = next(each for each in ("MISSED", "UNDECIDED", "MET") if counts[each])
        worst = max((point for point in best if best[point].verdict == verdict), key=lambda point: best[point].low)
        verdicts.append((verdict, mpi, worst, best[worst], counts))
    print()
    for mpi, (_, program) in programs.items():
        if not pathlib.Path(program).exists():
            print(f"{mpi} left out: `./dev bench mpi_overhead` builds {pathlib.Path(program).name}")
    for verdict, mpi, worst, look, counts in verdicts:
        print(f"{verdict:12}  every collective, 2 ranks, {mpi}: tutti takes no measurable time more than plain MPI")
        print(f"{'':14}" + ", ".join(f"{each} {counts[each]}" for each in VERDICTS if counts[each])
              + f"; worst {look.ratio:.3f} times as long, {look.low:.3f} to {look.high:.3f} ({worst})")
    return rows
