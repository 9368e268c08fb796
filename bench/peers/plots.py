"""A run's plots, by gnuplot: plain SVG that can be read at 800 pixels."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.harness.process import BenchError

from .summary import IDEAL, LARDER, Summary, label

COLOURS = {
    "responder": "#9aa0a6", LARDER: "#c2410c", "haproxy": "#1d4ed8", "nginx": "#15803d", "varnish": "#7e22ce",
    "varnish-xkey": "#a855f7", "trafficserver": "#b59f00", "squid": "#0e7490", IDEAL: "#000000",
}
OTHER_COLOUR = "#555555"


@dataclass
class Plot:
    """One picture: the file's name without its ending, and gnuplot's commands after the terminal was set."""
    name: str
    height: int
    commands: str


def write_plots(summary: Summary, directory: Path) -> list[str]:
    """Draws what was measured; returns the names of the files."""
    plots = [
        bars(summary, "cpu-hit", r"hit-\d+k-", "cpu_us_per_request", "CPU per hit, µs"),
        bars(summary, "cpu-other", r"(keys|gzip|identity|304|miss|pass)-", "cpu_us_per_request", "CPU per request, µs"),
        bars(summary, "p999", r"(hit-\d+k|miss|pass)-", "p999_ms", "P99.9, ms (logarithmic)", logarithmic=True),
        memory(summary),
        hit_ratios(summary),
    ]
    names = []
    for plot in plots:
        if plot:
            draw(plot, directory)
            names.append(f"{plot.name}.svg")
    return names


def draw(plot: Plot, directory: Path) -> None:
    """Runs gnuplot."""
    head = (f'set terminal svg size 800,{plot.height} dynamic font "sans-serif,13" background "white"\n'
            f'set output "{plot.name}.svg"\nset encoding utf8\nset border lc rgb "#555555"\nset tics nomirror\n')
    finished = subprocess.run(["gnuplot"], input=head + plot.commands, cwd=directory, capture_output=True, text=True, check=False)
    if finished.returncode != 0 or not (directory / f"{plot.name}.svg").exists():
        raise BenchError(f"gnuplot could not draw {plot.name}\n{finished.stderr[-2000:]}")


def bars(summary: Summary, name: str, pattern: str, metric: str, title: str, logarithmic: bool = False) -> Plot | None:
    """A group of bars for each case, a bar for each system."""
    cases = [case for case in summary.cases(pattern) if summary.median(case, LARDER, metric) is not None]
    systems = [system for system in summary.systems() if any(summary.median(case, system, metric) is not None for case in cases)]
    if not cases:
        return None
    columns = [quoted("case"), *(quoted(summary.title(system)) for system in systems)]
    rows = [[quoted(broken(label(case))), *(number(summary.median(case, system, metric)) for system in systems)] for case in cases]
    drawn = ", ".join(f'$data using {index + 2}:xtic(1) title columnheader lc rgb "{colour(system)}"'
                      for index, system in enumerate(systems))
    scale = "set logscale y\n" if logarithmic else "set yrange [0:*]\n"
    return Plot(name, 400, block(columns, rows) + f"""
set title "{title}"
set style data histograms
set style histogram clustered gap 1.5
set style fill solid 0.9 noborder
set grid ytics lc rgb "#dddddd"
set key outside bottom center horizontal
set xtics scale 0 font ",11"
{scale}set datafile missing "-"
plot {drawn}
""")


def memory(summary: Summary) -> Plot | None:
    """Bytes per entry, the least first."""
    case = "memory-per-entry"
    figures = sorted((figure, system) for system in summary.systems()
                     if (figure := summary.median(case, system, "value")) is not None)
    if not figures:
        return None
    rows = [[quoted(summary.title(system)), f"{figure:.0f}", str(int(colour(system)[1:], 16))] for figure, system in figures]
    return Plot("memory-per-entry", 300, block([quoted("system"), "bytes", "colour"], rows) + f"""
set title "Resident memory per entry of 100 bytes of body, bytes"
set style fill solid 0.9 noborder
set boxwidth 0.6
set grid ytics lc rgb "#dddddd"
set yrange [0:{max(figure for figure, _ in figures) * 1.12}]
set xtics scale 0
unset key
plot $data using 0:2:3:xtic(1) with boxes lc rgb variable, \\
     $data using 0:2:(sprintf("%.0f", $2)) with labels offset 0,0.7
""")


def hit_ratios(summary: Summary) -> Plot | None:
    """A small plot for each workload: hit ratio against size, the ideal cache as a black line."""
    by_workload: dict[str, list[tuple[int, str]]] = {}
    for case in summary.cases(r"hit-ratio\."):
        workload, _, size = case.removeprefix("hit-ratio.").rpartition(".")
        by_workload.setdefault(workload, []).append((int(size.removesuffix("MiB")), case))
    if not by_workload:
        return None
    seen = [IDEAL, *(system for system in summary.systems()
                     if any(summary.median(case, system, "value") is not None for sizes in by_workload.values() for _, case in sizes))]
    # One that is not held to the sizes has no line.
    rows_of_plots = -(-len(by_workload) // 3)
    commands = f"""
set multiplot layout {rows_of_plots},3 margins 0.07,0.98,0.17,0.93 spacing 0.06,0.13
set logscale x 2
set grid ytics lc rgb "#dddddd"
set yrange [*:100]
set datafile missing "-"
set format y "%.0f %%"
"""
    for index, (workload, sizes) in enumerate(by_workload.items()):
        rows = [[str(mib), *(number(summary.median(case, system, "value"), 100) for system in seen)] for mib, case in sorted(sizes)]
        drawn = ", ".join(
            f'$data{index} using 1:{column + 2} with linespoints lw {2.5 if system in (IDEAL, LARDER) else 1.3} pt 7 ps 0.5 '
            f'lc rgb "{colour(system)}" title "{"ideal" if system == IDEAL else summary.title(system)}"'
            for column, system in enumerate(seen))
        key = "set key at screen 0.5,0.04 center bottom horizontal maxrows 1" if index == 0 else "unset key"
        tics = ", ".join(f'"{mib} MiB" {mib}' for mib, _ in sorted(sizes))
        commands += block([], rows, f"$data{index}") + f'{key}\nset title "{workload}" offset 0,-0.6\nset xtics ({tics})\nplot {drawn}\n'
    return Plot("hit-ratio", 200 + 200 * rows_of_plots, commands + "unset multiplot\n")


def block(columns: list[str], rows: list[list[str]], name: str = "$data") -> str:
    """Data within the commands."""
    lines = [*([" ".join(columns)] if columns else []), *(" ".join(row) for row in rows)]
    return f"{name} << EOD\n" + "\n".join(lines) + "\nEOD\n"


def broken(text: str) -> str:
    """A label on several lines."""
    return text.replace(", ", "\\n").replace(" connections", " conn.").replace("hit among ", "hit among\\n")


def quoted(text: str) -> str:
    """As gnuplot reads a text with blanks."""
    return f'"{text}"'


def number(figure: float | None, scale: float = 1) -> str:
    """A figure, or what stands for a missing one."""
    return "-" if figure is None else f"{figure * scale:.5g}"


def colour(system: str) -> str:
    """One colour for a system in all plots."""
    return COLOURS.get(system, OTHER_COLOUR)
