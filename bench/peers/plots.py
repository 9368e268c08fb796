"""A run's plots, by gnuplot: plain SVG that can be read at 800 pixels."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.harness.process import BenchError

from .summary import IDEAL, LARDER, Summary, label

COLOURS = {
    "responder": "#6b7280", LARDER: "#c2410c", "haproxy": "#1d4ed8", "nginx": "#15803d", "varnish": "#7e22ce",
    "varnish-xkey": "#a855f7", "trafficserver": "#8a7500", "squid": "#0e7490", IDEAL: "#000000",
}
OTHER_COLOUR = "#555555"


@dataclass
class Plot:
    """One picture: the file's name without its ending, and gnuplot's commands after the terminal was set."""
    name: str
    height: int
    commands: str


@dataclass(frozen=True)
class Bars:
    """What a plot of bars shows: a metric of all cases that `cases` matches, on a logarithmic scale from `least` on, since
    some systems take ten times what others take."""
    name: str
    title: str
    unit: str
    metric: str
    cases: str
    least: float


BARS = (
    Bars("cpu-hit", "CPU per hit", "µs", "cpu_us_per_request", r"hit-\d+k-", 1),
    Bars("cpu-other", "CPU per request", "µs", "cpu_us_per_request", r"(keys|gzip|identity|304|miss|pass)-", 1),
    Bars("p999", "P99.9 under load", "ms", "p999_ms", r"(hit-\d+k|miss|pass)-", 1),
)
WIDTH, HEIGHT = 800, 420
LEFT, RIGHT, TOP, BOTTOM = 62, 12, 76, 74
"""Pixels around what is drawn; the title and the legend are in the upper ones."""
LEGEND_FROM_TOP = 48
SQUARE = 12
CLUSTER_GAP = 1.5


def write_plots(summary: Summary, directory: Path) -> list[str]:
    """Draws what was measured; returns the names of the files."""
    plots = [*(bars(summary, wanted) for wanted in BARS), memory(summary), hit_ratios(summary)]
    names = []
    for plot in plots:
        if plot:
            draw(plot, directory)
            names.append(f"{plot.name}.svg")
    return names


def draw(plot: Plot, directory: Path) -> None:
    """Runs gnuplot, and leaves out the empty groups and the repetitions that it writes."""
    file = directory / f"{plot.name}.svg"
    head = (f'set terminal svg size {WIDTH},{plot.height} dynamic font "sans-serif,13" background "white"\n'
            f'set output "{file.name}"\nset encoding utf8\nset border lc rgb "#555555"\nset tics nomirror\n'
            'set grid ytics lc rgb "#dddddd"\nset datafile missing "-"\nunset key\n')
    finished = subprocess.run(["gnuplot"], input=head + plot.commands, cwd=directory, capture_output=True, text=True, check=False)
    if finished.returncode != 0 or not file.exists():
        raise BenchError(f"gnuplot could not draw {plot.name}\n{finished.stderr[-2000:]}")
    drawn = file.read_text().replace('<tspan font-family="sans-serif" >', "<tspan>")
    file.write_text(re.sub(r"<g [^>]*>\s*</g>\s*", "", drawn))


def bars(summary: Summary, wanted: Bars) -> Plot | None:
    """A group of bars for each case, a bar for each system, with its figure in it."""
    cases = [case for case in summary.cases(wanted.cases) if summary.median(case, LARDER, wanted.metric) is not None]
    if not cases:
        return None
    systems = [system for system in summary.systems()
               if any(summary.median(case, system, wanted.metric) is not None for case in cases)]
    rows = [[quoted(broken(label(case))), *(number(summary.median(case, system, wanted.metric)) for system in systems)]
            for case in cases]
    drawn = [f'$data using {column}:xtic(1) lc rgb "{colour(system)}"' for column, system in enumerate(systems, 2)]
    drawn += [figures_within(column, (column - 2 - (len(systems) - 1) / 2) / (len(systems) + CLUSTER_GAP), wanted.least)
              for column in range(2, len(systems) + 2)]
    return Plot(wanted.name, HEIGHT, f"""
{heading(summary, f"{wanted.title}, {wanted.unit} (logarithmic scale)", systems, HEIGHT)}
set style data histograms
set style histogram clustered gap {CLUSTER_GAP}
set style fill solid 0.9 noborder
set xtics scale 0 font ",11"
set xrange [-0.6:{len(cases) - 0.4}]
set logscale y
set yrange [{wanted.least}:*]
set ytics font ",11"
{margins(HEIGHT)}
{block(rows)}plot {", ".join(drawn)}
""")


def figures_within(column: int, beside: float, least: float) -> str:
    """Figures along the bars of this column, so far from the middles of their groups. A bar that is too short for its
    figure bears none."""
    figure = f"${column}"
    text = f'({figure} < {least * 2.2} ? "" : sprintf({figure} < 99.5 ? "%.1f" : "%.0f", {figure}))'
    return (f'$data using ($0 + {beside:.4f}):({least * 1.15}):{text} '
            'with labels left rotate by 90 font ",8" textcolor rgb "#ffffff"')


def heading(summary: Summary, title: str, systems: list[str], height: int) -> str:
    """The title, and below it a line of coloured squares with the names of systems."""
    names = ["ideal" if system == IDEAL else summary.title(system) for system in systems]
    middle = 1 - LEGEND_FROM_TOP / height
    half = SQUARE / 2 / height
    commands = [f'set label 100 {quoted(title)} at screen 0.5,{1 - 20 / height:.4f} center font ",14"']
    left = LEFT / WIDTH
    share = (1 - (LEFT + RIGHT) / WIDTH) / sum(len(name) + 5 for name in names)
    for index, (system, name) in enumerate(zip(systems, names), 1):
        commands += [
            f"set object {index} rectangle from screen {left:.4f},{middle - half:.4f} to screen "
            f'{left + SQUARE / WIDTH:.4f},{middle + half:.4f} fc rgb "{colour(system)}" fs solid noborder',
            f'set label {index} {quoted(name)} at screen {left + (SQUARE + 6) / WIDTH:.4f},{middle:.4f} left font ",11"']
        left += share * (len(name) + 5)
    return "\n".join(commands)


def heading_gone(systems: list[str]) -> str:
    """So that the next panel does not draw it again."""
    return "unset label 100\n" + "".join(f"unset object {index}\nunset label {index}\n" for index in range(1, len(systems) + 1))


def margins(height: int) -> str:
    """Where the picture's only panel is."""
    return (f"set lmargin at screen {LEFT / WIDTH:.4f}\nset rmargin at screen {1 - RIGHT / WIDTH:.4f}\n"
            f"set tmargin at screen {1 - TOP / height:.4f}\nset bmargin at screen {BOTTOM / height:.4f}")


def memory(summary: Summary) -> Plot | None:
    """Bytes per entry, the least first."""
    case = "memory-per-entry"
    figures = sorted((figure, system) for system in summary.systems()
                     if (figure := summary.median(case, system, "value")) is not None)
    if not figures:
        return None
    rows = [[quoted(summary.title(system)), f"{figure:.0f}", str(int(colour(system)[1:], 16)), quoted(f"{figure:,.0f}")]
            for figure, system in figures]
    return Plot("memory-per-entry", 300, block(rows) + f"""
set title "Resident memory per entry with a body of 100 bytes, bytes" font ",14"
set style fill solid 0.9 noborder
set boxwidth 0.6
set xrange [-0.6:{len(rows) - 0.4}]
set yrange [0:{max(figure for figure, _ in figures) * 1.12}]
set ytics font ",11"
set xtics scale 0
plot $data using 0:2:3:xtic(1) with boxes lc rgb variable, \\
     $data using 0:2:4 with labels offset 0,0.7
""")


def hit_ratios(summary: Summary) -> Plot | None:
    """A small plot for each workload: hit ratio against size, the ideal cache as a black line."""
    by_workload: dict[str, list[tuple[int, str]]] = {}
    for case in summary.cases(r"hit-ratio\."):
        workload, _, size = case.removeprefix("hit-ratio.").rpartition(".")
        by_workload.setdefault(workload, []).append((int(size.removesuffix("MiB")), case))
    seen = [system for system in [*summary.systems(), IDEAL]
            if any(summary.median(case, system, "value") is not None for sizes in by_workload.values() for _, case in sizes)]
    if not seen:
        return None
    lines = -(-len(by_workload) // 3)
    height = TOP + 40 + 190 * lines
    sizes = sorted({mib for sizes in by_workload.values() for mib, _ in sizes})
    commands = f"""
set multiplot layout {lines},3 margins screen {LEFT / WIDTH:.4f},{1 - 2 * RIGHT / WIDTH:.4f},{36 / height:.4f},\
{1 - (TOP + 20) / height:.4f} spacing screen 0.06,{56 / height:.4f}
{heading(summary, "Hit ratio, %, against configured size", seen, height)}
set logscale x 2
set xrange [{min(sizes) / 1.2}:{max(sizes) * 1.2}]
set yrange [0:100]
set ytics 20 font ",11"
set xtics ({", ".join(f'"{mib} MiB" {mib}' for mib in sizes)}) font ",11"
"""
    for index, (workload, cases) in enumerate(by_workload.items()):
        rows = [[str(mib), *(number(summary.median(case, system, "value"), 100) for system in seen)]
                for mib, case in sorted(cases)]
        drawn = ", ".join(
            f'$data{index} using 1:{column + 2} with linespoints lw {2.5 if system in (IDEAL, LARDER) else 1.3} pt 7 ps 0.4 '
            f'lc rgb "{colour(system)}"' for column, system in enumerate(seen))
        commands += block(rows, f"$data{index}") + f'set title "{workload}" offset 0,-0.6\nplot {drawn}\n{heading_gone(seen)}'
    return Plot("hit-ratio", height, commands + "unset multiplot\n")


def block(rows: list[list[str]], name: str = "$data") -> str:
    """Data within the commands."""
    return f"{name} << EOD\n" + "\n".join(" ".join(row) for row in rows) + "\nEOD\n"


def broken(text: str) -> str:
    """A label on several lines."""
    for long, short in ((" connections", " conn."), ("hit among ", ""), (" of the same object", ""), ("pass-through", "pass")):
        text = text.replace(long, short)
    return text.removeprefix("hit, ").replace(", ", "\\n")


def quoted(text: str) -> str:
    """As gnuplot reads a text with blanks."""
    return f'"{text}"'


def number(figure: float | None, scale: float = 1) -> str:
    """A figure, or what stands for a missing one."""
    return "-" if figure is None else f"{figure * scale:.5g}"


def colour(system: str) -> str:
    """One colour for a system in all plots."""
    return COLOURS.get(system, OTHER_COLOUR)
