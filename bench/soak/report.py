"""Writes a soak down: plots, a table, the block `soak` of a document."""

import os
import subprocess
from pathlib import Path

from bench.harness.document import replace_block
from bench.harness.process import BenchError

from .verdicts import Verdict

COLOURS = ("#2f6f8f", "#b0413e", "#9a6b00", "#4f7f3f")
PLOTS = {
    "memory.svg": ("Resident memory and what the cache is charged, MiB", (("rss_mib", "resident"), ("cache_mib", "cache"))),
    "held.svg": ("Descriptors and tasks", (("descriptors", "descriptors"), ("tasks", "tasks"))),
    "others.svg": ("Threads, connections to the origins, bodies under way (MiB)",
                   (("threads", "threads"), ("upstream_connections", "to the origins"), ("in_flight_mib", "bodies"))),
}
STYLE = """set terminal svg size 760,300 font 'sans-serif,11' background '#ffffff'
set datafile separator ','
set datafile missing ''
set key tmargin center horizontal
set grid ytics lc '#dddddd'
set tics nomirror
set xlabel 'minutes'
set yrange [0:*]
"""


def draw(directory: Path, columns: list[str], noted: list[tuple[float, str]]) -> None:
    """Plots `samples.csv`; deaths of an origin and pauses of Redis are grey lines."""
    lines = "".join(f"set arrow from {second / 60:.3f},graph 0 to {second / 60:.3f},graph 1 nohead lc '#cccccc'\n"
                    for second, what in noted if what in ("deaths of an origin", "pauses of Redis"))
    for name, (title, series) in PLOTS.items():
        curves = []
        for instance, dash in (("a", 1), ("b", 2)):
            for (column, label), colour in zip(series, COLOURS):
                at = columns.index(column) + 1
                curves.append(f"'samples.csv' using ($1/60):(strcol(2) eq '{instance}' ? ${at} : NaN) every ::1 with points "
                              f"pt {4 + 2 * dash} ps 0.25 lc rgb '{colour}' title '{label}, {instance}'")
        script = f"{STYLE}{lines}set title '{title}'\nset output '{name}'\nplot {', '.join(curves)}\n"
        done = subprocess.run(["gnuplot"], input=script, text=True, capture_output=True, cwd=directory, check=False)
        if done.returncode:
            raise BenchError(f"gnuplot could not draw {name}\n{done.stderr}\nhint: scripts/install-prerequisites.sh plots")


def table(about: dict, verdicts: list[Verdict]) -> str:
    """What was seen, in Markdown."""
    counts = about["counts"]
    trouble = ", ".join(f"{counts.get(what, 0):,} {what}" for what in (
        "purges", "purges without a complete receipt", "reloads", "certificates", "deaths of an origin", "pauses of Redis"))
    others = ", ".join(f"{counts.get(what, 0):,} {what}" for what in ("written", "failed writes", "tunnels", "tunnels cut", "left"))
    rows = "\n".join(f"| {one.asked} | {one.seen} | {one.shown()} |" for one in verdicts)
    return (f"{about['seconds'] / 60:.1f} minutes on {about['date']}, {about['version']}, {about['machine']}; "
            f"{counts.get('checked', 0):,} bodies checked, {counts.get('pressed', 0):,} further answers. Meanwhile {trouble}. "
            f"Uploads, tunnels and slow readers: {others} in the midst.\n\n"
            f"| asked | seen | verdict |\n|---|---|---|\n{rows}\n")


def write(directory: Path, document: Path | None, about: dict, verdicts: list[Verdict], columns: list[str]) -> None:
    """Everything. Raises BenchError."""
    draw(directory, columns, about["noted"])
    text = table(about, verdicts)
    examples = "".join(f"- {one}\n" for one in about["examples"])
    (directory / "table.md").write_text(f"# A soak\n\n{text}\n{'First of what went wrong:' if examples else ''}\n\n{examples}")
    if document:
        where = os.path.relpath(directory, document.parent)
        pictures = "\n".join(f"![{title}]({where}/{name})" for name, (title, _) in PLOTS.items())
        replace_block(document, "soak", f"{text}\n{pictures}\n\nAll samples: [{where}]({where}/samples.csv).")
