"""The programs of this tree that are measured or measure, built for release."""

import os
import subprocess
from pathlib import Path

from bench.harness.process import BenchError

ROOT = Path(__file__).resolve().parents[3]


def build() -> None:
    """Builds Larder, the bare responder and the origin. Raises BenchError where cargo fails."""
    command = ["cargo", "build", "--locked", "--release", "--quiet", "--bin", "larder", "--example", "responder", "--example", "origin"]
    if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
        raise BenchError(f"{' '.join(command)} failed")


def program(name: str) -> Path:
    """Where cargo puts it."""
    release = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "release"
    return release / name if name == "larder" else release / "examples" / name
