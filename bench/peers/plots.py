"""A run's plots, by gnuplot: plain SVG that can be read at 800 pixels."""

import re
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


@dataclass(frozen=True)
class Bars:
    """What a plot of bars shows: panels side by side, each with a scale of its own for the cases that it matches."""
    name: str
    title: str
    metric: str
    panels: tuple[str, ...]
    logarithmic: bool = False


BARS = (
    Bars("cpu-hit", "CPU per hit, µs", "cpu_us_per_request", (r"hit-(1|16)k-c(64|512)$", r"hit-(128k-|1k-c10000)")),
    Bars("cpu-other", "CPU per request, µs", "cpu_us_per_request", (r"(keys|gzip|identity|304)-", r"(miss|pass)-")),
    Bars("p999", "P99.9, ms (logarithmic)", "p999_ms", (r"(hit-\d+k|miss|pass)-",), logarithmic=True),
)
LEFT, RIGHT, BETWEEN = 0.06, 0.985, 0.07
LEGEND_SQUARE_CHARACTERS = 5


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
    head = (f'set terminal svg size 800,{plot.height} dynamic font "sans-serif,13" background "white"\n'
            f'set output "{file.name}"\nset encoding utf8\nset border lc rgb "#555555"\nset tics nomirror\n'
            'set grid ytics lc rgb "#dddddd"\nset datafile missing "-"\nunset key\n')
    finished = subprocess.run(["gnuplot"], input=head + plot.commands, cwd=directory, capture_output=True, text=True, check=False)
    if finished.returncode != 0 or not file.exists():
        raise BenchError(f"gnuplot could not draw {plot.name}\n{finished.stderr[-2000:]}")
    drawn = file.read_text().replace('<tspan font-family="sans-serif" >', "<tspan>")
    file.write_text(re.sub(r"<g [^>]*>\s*</g>\s*", "", drawn))


def bars(summary: Summary, wanted: Bars) -> Plot | None:
    """A group of bars for each case, a bar for each system."""
    panels = [cases for pattern in wanted.panels if (cases := [
        case for case in summary.cases(pattern) if summary.median(case, LARDER, wanted.metric) is not None])]
    if not panels:
        return None
    all_cases = [case for cases in panels for case in cases]
    systems = [system for system in summary.systems()
               if any(summary.median(case, system, wanted.metric) is not None for case in all_cases)]
    commands = f"""
set multiplot title "{wanted.title}"
{legend(summary, systems, 0.88)}
set style data histograms
set style histogram clustered gap 1.5
set style fill solid 0.9 noborder
set xtics scale 0 font ",11"
set tmargin at screen 0.82
set bmargin at screen 0.19
{"set logscale y" if wanted.logarithmic else "set yrange [0:*]"}
"""
    width = (RIGHT - LEFT - BETWEEN * (len(panels) - 1)) / len(all_cases)
    left = LEFT
    for index, cases in enumerate(panels):
        rows = [[quoted(broken(label(case))), *(number(summary.median(case, system, wanted.metric)) for system in systems)]
                for case in cases]
        drawn = ", ".join(f'$data{index} using {column + 2}:xtic(1) lc rgb "{colour(system)}"'
                          for column, system in enumerate(systems))
        right = left + width * len(cases)
        commands += block(rows, f"$data{index}") + (
            f"set lmargin at screen {left:.3f}\nset rmargin at screen {right:.3f}\nplot {drawn}\n{legend_gone(systems)}")
        left = right + BETWEEN
    return Plot(wanted.name, 420, commands + "unset multiplot\n")


def legend(summary: Summary, systems: list[str], height: float) -> str:
    """A line of coloured squares with names, at this share of the picture's height."""
    names = ["ideal" if system == IDEAL else summary.title(system) for system in systems]
    wide = [len(name) + LEGEND_SQUARE_CHARACTERS for name in names]
    left, commands = LEFT, []
    for index, (system, name) in enumerate(zip(systems, names), 1):
        commands += [
            f"set object {index} rectangle from screen {left:.3f},{height - 0.012:.3f} to screen {left + 0.018:.3f},"
            f'{height + 0.014:.3f} fc rgb "{colour(system)}" fs solid noborder',
            f'set label {index} {quoted(name)} at screen {left + 0.024:.3f},{height:.3f} left font ",11"']
        left += (RIGHT - LEFT) * wide[index - 1] / sum(wide)
    return "\n".join(commands)


def legend_gone(systems: list[str]) -> str:
    """So that the next panel does not draw it again."""
    return "".join(f"unset object {index}\nunset label {index}\n" for index in range(1, len(systems) + 1))


def memory(summary: Summary) -> Plot | None:
    """Bytes per entry, the least first."""
    case = "memory-per-entry"
    figures = sorted((figure, system) for system in summary.systems()
                     if (figure := summary.median(case, system, "value")) is not None)
    if not figures:
        return None
    rows = [[quoted(summary.title(system)), f"{figure:.0f}", str(int(colour(system)[1:], 16))] for figure, system in figures]
    return Plot("memory-per-entry", 300, block(rows) + f"""
set title "Resident memory per entry of 100 bytes of body, bytes"
set style fill solid 0.9 noborder
set boxwidth 0.6
set yrange [0:{max(figure for figure, _ in figures) * 1.12}]
set xtics scale 0
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
    seen = [system for system in [*summary.systems(), IDEAL]
            if any(summary.median(case, system, "value") is not None for sizes in by_workload.values() for _, case in sizes)]
    lines = -(-len(by_workload) // 3)
    sizes = sorted({mib for sizes in by_workload.values() for mib, _ in sizes})
    commands = f"""
set multiplot layout {lines},3 margins 0.07,0.98,0.08,0.82 spacing 0.07,0.15 title "Hit ratio, %, against size"
{legend(summary, seen, 0.91)}
set logscale x 2
set xrange [{min(sizes) / 1.2}:{max(sizes) * 1.2}]
set yrange [0:100]
set ytics 20
set xtics ({", ".join(f'"{mib} MiB" {mib}' for mib in sizes)})
"""
    for index, (workload, cases) in enumerate(by_workload.items()):
        rows = [[str(mib), *(number(summary.median(case, system, "value"), 100) for system in seen)] for mib, case in sorted(cases)]
        drawn = ", ".join(
            f'$data{index} using 1:{column + 2} with linespoints lw {2.5 if system in (IDEAL, LARDER) else 1.3} pt 7 ps 0.4 '
            f'lc rgb "{colour(system)}"' for column, system in enumerate(seen))
        commands += block(rows, f"$data{index}") + f'set title "{workload}" offset 0,-0.6\nplot {drawn}\n{legend_gone(seen)}'
    return Plot("hit-ratio", 100 + 200 * lines, commands + "unset multiplot\n")


def block(rows: list[list[str]], name: str = "$data") -> str:
    """Data within the commands."""
    return f"{name} << EOD\n" + "\n".join(" ".join(row) for row in rows) + "\nEOD\n"


def broken(text: str) -> str:
    """A label on several lines."""
    for long, short in ((" connections", " conn."), ("hit among ", ""), (" of the same object", "")):
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
