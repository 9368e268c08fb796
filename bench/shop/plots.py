"""Plots of the shop's runs, by gnuplot, as SVG."""

import subprocess
from pathlib import Path

from bench.harness.process import BenchError

ENDPOINTS = ("search", "list", "analytics", "categories", "popular", "product", "inventory", "suggest", "health")
CLASSES = ("product", "inventory", "aggregation", "search", "list")
COLOURS = {"direct": "#b0413e", "memory": "#2f6f8f", "redis": "#d39b2a"}
STYLE = """set terminal svg size 760,340 font 'sans-serif,11' background '#ffffff'
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.9 border -1
set boxwidth 0.9
set grid ytics lc '#dddddd'
set key top outside horizontal
set datafile missing '-'
"""


def draw(runs: list[dict], out: Path) -> list[tuple[str, str]]:
    """Draws what there is for each level; titles and file names."""
    drawn = []
    for users in sorted({run["load"]["users"] for run in runs}):
        level = {run["kind"]: run for run in runs if run["load"]["users"] == users}
        name, title = f"p95-{users}.svg", f"P95 in ms with {users:,} users"
        p95 = {kind: {name: figures["p95_ms"] for name, figures in run["load"]["hold"]["endpoints"].items()}
               for kind, run in level.items()}
        _plot(out / name, title, ENDPOINTS, p95, "set logscale y\nset ylabel 'ms'\nset yrange [0.1:*]\n")
        drawn.append((title, name))
        cached = {kind: run for kind, run in level.items() if kind != "direct"}
        if cached:
            name, title = f"hit-ratio-{users}.svg", f"Hit ratio in % with {users:,} users"
            ratios = {kind: {name: answers["hit_ratio"] * 100 for name, answers in run["load"]["hold"]["classes"].items()}
                      for kind, run in cached.items()}
            _plot(out / name, title, CLASSES, ratios, "set yrange [0:100]\nset ylabel '%'\n")
            drawn.append((title, name))
    return drawn


def script(path: Path, title: str, names: tuple[str, ...], columns: dict[str, dict[str, float]], more: str) -> str:
    """What gnuplot is told: a cluster of bars for each name, a bar in it for each column."""
    rows = "\n".join(" ".join([name, *(f"{column[name]:.3f}" if name in column else "-" for column in columns.values())])
                     for name in names)
    bars = ", ".join(f"$figures using {i}:xtic(1) title '{kind}' lc rgb '{COLOURS[kind]}'" for i, kind in enumerate(columns, 2))
    return f"{STYLE}{more}set output '{path}'\nset title '{title}'\n$figures << END\n{rows}\nEND\nplot {bars}\n"


def _plot(path: Path, title: str, names: tuple[str, ...], columns: dict[str, dict[str, float]], more: str) -> None:
    done = subprocess.run(["gnuplot"], input=script(path, title, names, columns, more), text=True, capture_output=True)
    if done.returncode:
        raise BenchError(f"gnuplot could not draw {path.name}\n{done.stderr}\nhint: scripts/install-prerequisites.sh plots")
