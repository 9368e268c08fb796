"""The programs of this tree that are measured or measure, as cargo builds them."""

import os
import subprocess
from pathlib import Path

from bench.harness.process import BenchError

ROOT = Path(__file__).resolve().parents[3]
PROGRAMS = ["--bin", "larder", "--example", "responder", "--example", "origin"]


class Build:
    """Which build is used. A smoke test takes the one that tests made already; it measures nothing."""

    profile = "release"


def build() -> None:
    """Builds Larder, the bare responder and the origin. Raises BenchError where cargo fails."""
    command = ["cargo", "build", "--locked", "--quiet", *PROGRAMS, *(["--release"] if Build.profile == "release" else [])]
    if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
        raise BenchError(f"{' '.join(command)} failed")


def program(name: str) -> Path:
    """Where cargo put it. Raises BenchError where nothing is there."""
    built = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / Build.profile
    path = built / name if name == "larder" else built / "examples" / name
    if not path.is_file():
        raise BenchError(f"{name} is not built for {Build.profile}\nhint: do without --no-build")
    return path
