"""Counts of instructions: of an all_reduce of 8 bytes, by rank 0 under callgrind."""
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

LIMIT = 2  # per cent


def counts_of(launcher, program, ranks, calls, environment):
    """Of every call of rank 0, by who made it."""
    with tempfile.TemporaryDirectory() as folder:
        counted = ["valgrind", "--tool=callgrind", "--collect-atstart=no", f"--callgrind-out-file={folder}/calls"]
        command = [launcher, "-np", "1", *counted, program, str(calls)]
        if ranks > 1:
            command += [":", "-np", str(ranks - 1), program, str(calls)]
        done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)} failed; is valgrind installed?\n{done.stderr}")
        counts = {"MPI": [], "tutti": []}
        for dump in pathlib.Path(folder).iterdir():
            text = dump.read_text()
            by = re.search(r"^desc: Trigger: Client Request: (\w+)", text, re.MULTILINE)
            if by:
                counts[by[1]].append(int(re.search(r"^(?:totals|summary): (\d+)", text, re.MULTILINE)[1]))
    if any(len(each) != calls for each in counts.values()):
        sys.exit(f"{' '.join(command)}: callgrind has not counted every call")
    return counts


def judge(programs, calls, numbers_of_ranks, environment):
    """Prints a table, and returns its rows."""
    print(f"Instructions of a call of 8 bytes on rank 0, {calls} calls\n")
    print("| MPI | ranks | MPI_Allreduce, least | median | tutti, least | median | more | | goal |")
    print("|---|---|---|---|---|---|---|---|---|")
    found = []
    for mpi, (launcher, program) in programs.items():
        for ranks in numbers_of_ranks:
            counts = counts_of(launcher, program, ranks, calls, environment)
            least = {by: min(each) for by, each in counts.items()}
            middle = {by: statistics.median(each) for by, each in counts.items()}
            more = least["tutti"] - least["MPI"]
            percent = 100 * more / least["MPI"]
            verdict = "MET" if percent <= LIMIT else "MISSED"
            print(f"| {mpi} | {ranks} | {least['MPI']} | {middle['MPI']:.0f} | {least['tutti']} | {middle['tutti']:.0f} "
                  f"| {more:+d} | {percent:+.1f} % | {verdict}: at most +{LIMIT} % |", flush=True)
            found.append({"mpi": mpi, "ranks": ranks, "counts": counts, "percent": percent, "verdict": verdict})
    return found
