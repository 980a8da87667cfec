"""Draws what was measured, by gnuplot where it is installed: an SVG per collective and number of ranks, of one buffer."""
import shutil
import subprocess


def draw(found, folder):
    """The files that were drawn, or none and why."""
    if not shutil.which("gnuplot"):
        return [], "no gnuplot"
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for collective, ranks in sorted({(point.collective, point.ranks) for point in found.rows}):
        points = found.points(collective, ranks, False)
        peers = [peer for peer in found.peers if any(found.has(point, peer) for point in points)]
        path = folder / f"{collective}_{ranks}.svg"
        lines = [f'set terminal svg size 720,480 font "sans,13" background "white"; set output "{path}"',
                 f'set title "{collective.replace("_", "-")} of floats, {ranks} ranks, median"',
                 'set logscale x 2; set logscale y 10; set format x "%.0b%BB"; set format y "%g"; set xtics rotate by -45',
                 'set xlabel "bytes"; set ylabel "microseconds"; set grid; set key top left',
                 "plot " + ", ".join(f'"-" with linespoints title "{peer}" noenhanced' for peer in peers)]
        for peer in peers:
            lines += [f"{point.bytes} {found.value(point, peer)}" for point in points if found.has(point, peer)] + ["e"]
        result = subprocess.run(["gnuplot"], input="\n".join(lines) + "\n", capture_output=True, text=True)
        if result.returncode != 0:
            return drawn, f"gnuplot: {result.stderr.strip()}"
        drawn.append(path)
    return drawn, "nothing was measured"
