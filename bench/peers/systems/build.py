"""The programs of this tree that are measured or measure, as cargo builds them."""

import os
import subprocess
from pathlib import Path

from bench.harness.process import BenchError

ROOT = Path(__file__).resolve().parents[3]
TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
TOOLS = ROOT / "bench/tools/Cargo.toml"


class Build:
    """Which build is used. A smoke test takes the one that tests made already; it measures nothing."""

    profile = "release"


def build() -> None:
    """Builds Larder, the bare responder and the origin. Raises BenchError where cargo fails."""
    cargo("--bin", "larder")
    cargo("--manifest-path", str(TOOLS), "--target-dir", str(TARGET))


def cargo(*arguments: str) -> None:
    """Has cargo build something in the profile of the moment."""
    profile = ["--release"] if Build.profile == "release" else []
    command = ["cargo", "build", "--locked", "--quiet", *profile, *arguments]
    if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
        raise BenchError(f"{' '.join(command)} failed")


def program(name: str) -> Path:
    """Where cargo put it. Raises BenchError where nothing is there."""
    path = TARGET / Build.profile / name
    if not path.is_file():
        raise BenchError(f"{name} is not built for {Build.profile}\nhint: do without --no-build")
    return path
