"""Plots of the shop's runs, by gnuplot, as SVG."""

import subprocess
from pathlib import Path

from bench.harness.process import BenchError

ENDPOINTS = ("search", "list", "analytics", "categories", "popular", "product", "inventory", "suggest", "health")
CLASSES = ("product", "inventory", "aggregation", "search", "list")
COLOURS = {"direct": "#b0413e", "memory": "#2f6f8f", "redis": "#9a6b00", "warmed": "#3f7f4f", "refreshed": "#6f4f8f"}
TITLES = {"direct": "directly", "memory": "through Larder", "redis": "through Larder with Redis",
          "warmed": "warmed from a log", "refreshed": "warmed, and refreshed after purges"}
STYLE = """set terminal svg size 760,340 font 'sans-serif,11' background '#ffffff'
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.9 noborder
set border lc '#555555'
set tics nomirror
set xtics scale 0
set grid ytics lc '#dddddd'
set key tmargin center horizontal reverse Left samplen 1.5
set datafile missing '-'
"""


def draw(runs: list[dict], out: Path) -> list[tuple[str, str]]:
    """Draws what there is for each level; titles and file names."""
    drawn = []
    for users in sorted({run["load"]["users"] for run in runs}):
        level = {run["kind"]: run for run in runs if run["load"]["users"] == users}
        name, title = f"p95-{users}.svg", f"P95, ms, with {users:,} users (logarithmic scale)"
        p95 = {kind: {name: figures["p95_ms"] for name, figures in run["load"]["hold"]["endpoints"].items()}
               for kind, run in level.items()}
        _plot(out / name, title, ENDPOINTS, p95, "set logscale y\nset yrange [0.1:*]\n")
        drawn.append((title, name))
        cached = {kind: run for kind, run in level.items() if kind != "direct"}
        if cached:
            name, title = f"hit-ratio-{users}.svg", f"Hit ratio, %, with {users:,} users"
            ratios = {kind: {name: answers["hit_ratio"] * 100 for name, answers in run["load"]["hold"]["classes"].items()}
                      for kind, run in cached.items()}
            _plot(out / name, title, CLASSES, ratios, "set yrange [0:108]\nset ytics 20\n")
            drawn.append((title, name))
    return drawn


def script(path: Path, title: str, names: tuple[str, ...], columns: dict[str, dict[str, float]], more: str) -> str:
    """What gnuplot is told: a cluster of bars for each name, a bar in it for each column."""
    rows = "\n".join(" ".join([name, *(f"{column[name]:.3f}" if name in column else "-" for column in columns.values())])
                     for name in names)
    bars = [f"$figures using {i}:xtic(1) title '{TITLES[kind]}' lc rgb '{COLOURS[kind]}'" for i, kind in enumerate(columns, 2)]
    # A figure over each bar: clusters stand a unit apart, with a gap of one bar.
    bars += [f"$figures using ($0 + {(i - (len(columns) - 1) / 2) / (len(columns) + 1):.4f}):{i + 2}:"
             f"(sprintf(${i + 2} < 9.95 ? '%.1f' : '%.0f', ${i + 2})) with labels offset 0,0.6 font ',9' notitle"
             for i in range(len(columns))]
    return (f"{STYLE}{more}set output '{path}'\nset title '{title}'\nset xrange [-0.6:{len(names) - 0.4}]\n"
            f"$figures << END\n{rows}\nEND\nplot {', '.join(bars)}\n")


def _plot(path: Path, title: str, names: tuple[str, ...], columns: dict[str, dict[str, float]], more: str) -> None:
    done = subprocess.run(["gnuplot"], input=script(path, title, names, columns, more), text=True, capture_output=True)
    if done.returncode:
        raise BenchError(f"gnuplot could not draw {path.name}\n{done.stderr}\nhint: scripts/install-prerequisites.sh plots")
