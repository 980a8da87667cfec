#!/usr/bin/env python3
"""Times the collectives of torch.distributed over Gloo, as measure.hpp does those of the other peers: same options, same lines.

Not called torch.py, which `import torch` would find instead of torch. Exit status 77: left out, for the reason printed."""
import argparse
import json
import math
import os
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # next to sources
import sizes

MOST, FEWEST = 200_000, 10


class Peer:
    def __init__(self, kind, bytes, rotate):
        self.rank, self.ranks = dist.get_rank(), dist.get_world_size()
        self.kind = kind
        split = kind not in ("all_reduce", "broadcast")
        part = max(1, bytes // 4 // (self.ranks if split else 1))
        brought = part if kind == "all_gather" or not split else self.ranks * part
        got = part if not split else self.ranks * part
        self.bytes = 4 * max(brought, got)
        count = min(max(rotate // self.bytes, 1), 1024)
        stride = max(1024, (max(brought, got) + 15) // 16 * 16) + 16
        ins = torch.zeros(count * stride)
        outs = torch.zeros(count * stride) if split else ins
        at = range(0, count * stride, stride)
        self.ring = [(ins[i : i + brought], outs[i : i + got], list(outs[i : i + got].split(part))) for i in at]

    def call(self, buffers):
        given, out, parts = buffers
        if self.kind == "all_reduce":
            dist.all_reduce(out)
        elif self.kind == "all_gather":
            dist.all_gather(parts, given)
        elif self.kind == "broadcast":
            dist.broadcast(out, 0)
        else:
            dist.all_to_all_single(out, given)

    def check(self, seed):
        """The call does what it is timed for. Leaves zeros, whose sums stay finite."""
        given, out, parts = self.ring[0]

        def brought(rank):
            return ((torch.arange(len(given)) + seed + 31 * rank) % 251).float()

        all = [brought(rank) for rank in range(self.ranks)]
        mine = slice(self.rank * len(parts[0]), (self.rank + 1) * len(parts[0]))
        expected = {"all_reduce": lambda: sum(all), "broadcast": lambda: all[0], "all_gather": lambda: torch.cat(all),
                    "all_to_all": lambda: torch.cat([each[mine] for each in all])}[self.kind]()
        given.copy_(all[self.rank])
        self.call(self.ring[0])
        if not torch.equal(out, expected):
            raise RuntimeError(f"torch: {self.kind} of {self.bytes} bytes is wrong on rank {self.rank}")
        given.zero_()
        out.zero_()

    def calls(self, count):
        """Microseconds of each call on the slowest rank, behind a barrier that is not timed; seconds that all took."""
        times, start = [], time.perf_counter_ns()
        for i in range(count):
            buffers = self.ring[i % len(self.ring)]
            dist.barrier()
            before = time.perf_counter_ns()
            self.call(buffers)
            times.append((time.perf_counter_ns() - before) / 1e3)
        slowest = torch.tensor(times + [(time.perf_counter_ns() - start) / 1e9], dtype=torch.float64)
        dist.all_reduce(slowest, dist.ReduceOp.MAX)
        return slowest[:-1], slowest[-1].item()

    def time(self, wanted):
        self.check(wanted.seed)
        budget, warm = wanted.milliseconds / 1e3, 1
        whole = self.calls(warm)[1]
        while whole < budget / 10 and warm < MOST / 10:
            warm *= 4
            whole = self.calls(warm)[1]
        times = self.calls(int(min(max(budget / (whole / warm), FEWEST), MOST)))[0].sort().values.tolist()
        percentile = lambda share: round(times[max(math.ceil(share * len(times)), 1) - 1], 3)
        if self.rank == 0:
            print(json.dumps({
                "peer": "torch", "version": f"torch {torch.__version__} (Gloo)", "collective": self.kind, "ranks": self.ranks,
                "bytes": self.bytes, "buffers": len(self.ring), "iterations": len(times), "median_us": percentile(0.5),
                "p99_us": percentile(0.99), "min_us": percentile(0)}), flush=True)


def run_rank(rank, wanted, meeting_place):
    dist.init_process_group("gloo", init_method=f"file://{meeting_place}", rank=rank, world_size=wanted.ranks)
    for bytes in wanted.sizes:
        for rotate in (0, wanted.rotate) if wanted.rotate // bytes > 1 else (0,):
            Peer(wanted.collective, bytes, rotate).time(wanted)
    dist.barrier()


def start_ranks(wanted):
    """The exit status: 0 when every rank's is."""
    with tempfile.TemporaryDirectory() as folder:
        children = []
        for rank in range(wanted.ranks):
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    run_rank(rank, wanted, os.path.join(folder, "ranks"))
                    status = 0
                except Exception as problem:
                    print(problem, file=sys.stderr, flush=True)
                finally:
                    os._exit(status)
            children.append(child)
        return max([int(os.waitpid(child, 0)[1] != 0) for child in children])


parser = argparse.ArgumentParser(description="Times the collectives of torch.distributed over Gloo. Prints a line of JSON per size "
                                             "and kind of buffers.")
parser.add_argument("--collective", default="all_reduce",
                    choices=["all_reduce", "reduce_scatter", "all_gather", "broadcast", "all_to_all"])
parser.add_argument("--ranks", type=int, default=2, help="processes to start")
parser.add_argument("--sizes", type=sizes.parse, nargs="+", default=[8, 4 << 10, 256 << 10], help="bytes of a rank's larger buffer")
parser.add_argument("--milliseconds", type=float, default=200, help="what the calls of a line should take together")
parser.add_argument("--rotate", type=sizes.parse, default=64 << 20,
                    help="after one buffer, also time buffers taken in turn from so many bytes per rank, up to 1024; 0: do not")
parser.add_argument("--seed", type=int, default=1, help="of the numbers on which the results are checked")
wanted = parser.parse_args()
try:
    import torch
    import torch.distributed as dist
except ImportError as problem:
    print(f"torch left out: {problem}", file=sys.stderr)
    sys.exit(77)
if wanted.collective == "reduce_scatter":
    print("torch left out: its Gloo has no reduce_scatter", file=sys.stderr)
    sys.exit(77)
torch.set_num_threads(1)
sys.exit(start_ranks(wanted))
