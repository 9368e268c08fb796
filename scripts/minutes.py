#!/usr/bin/env python3
"""Writes how long each part of `.ci/run` took into CONTRIBUTING.md: `scripts/minutes.py target/minutes.tsv`."""

import datetime
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.harness.document import replace_block  # noqa: E402 (the path comes first)
from bench.harness.machine import machine  # noqa: E402


def table(lines: list[str]) -> str:
    """A row for each part, in the order in which they ran."""
    parts = [(int(took), what) for took, _, what in (line.partition("\t") for line in lines)]
    rows = [f"| {what} | {took / 60:.1f} |" for took, what in [*parts, (sum(took for took, _ in parts), "all")]]
    return "\n".join(["| part | minutes |", "|---|---:|", *rows])


def main() -> None:
    """Fails where the log is not there."""
    log = Path(sys.argv[1])
    day = datetime.date.fromtimestamp(log.stat().st_mtime)
    replace_block(ROOT / "CONTRIBUTING.md", "minutes", f"A run of {day} on {machine()}.\n\n{table(log.read_text().splitlines())}")


if __name__ == "__main__":
    main()
